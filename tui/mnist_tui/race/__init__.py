"""What the race screen shows, as plain functions, and the desk that runs the race."""
