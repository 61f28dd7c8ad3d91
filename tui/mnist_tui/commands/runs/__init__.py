"""`mnist-tui runs`: the stored runs, without the app."""
