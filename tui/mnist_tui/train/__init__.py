"""The train screen."""
