"""The engine of mnist-tui: data, models, training, evaluation. It draws and prints nothing."""
