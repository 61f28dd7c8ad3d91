"""The engine of mnist-tui: data, training, runs, races, checks. It draws and prints nothing."""
