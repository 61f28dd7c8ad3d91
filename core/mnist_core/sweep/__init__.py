"""Sweeps: many runs with values that Optuna chooses, which is imported only once one starts."""
