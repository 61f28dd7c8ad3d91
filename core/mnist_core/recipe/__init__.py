"""What a run is trained with: hyperparameters, presets, and changes on the way. No MLX."""
