"""The same work in MLX, NumPy and PyTorch, measured side by side."""
