"""The mistakes screen."""
