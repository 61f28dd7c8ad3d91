"""Networks: their parameters and answers in NumPy, and their training step in MLX."""
