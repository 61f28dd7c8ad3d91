"""The command line and the terminal interface of mnist-tui."""
