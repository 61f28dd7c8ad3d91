"""What this program computes with: MLX, its BLAS, its kernels, and how fast they are."""
