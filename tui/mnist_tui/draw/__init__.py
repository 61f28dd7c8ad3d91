"""The drawing screen."""
