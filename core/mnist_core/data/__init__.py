"""Data sets: found, downloaded, read, drawn, and split. NumPy only."""
