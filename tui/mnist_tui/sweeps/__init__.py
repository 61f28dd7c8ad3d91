"""The sweeps screen."""
