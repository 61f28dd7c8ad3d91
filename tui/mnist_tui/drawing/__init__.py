"""What a drawn digit is shown with: the model that reads it, and the canvas's measures."""
