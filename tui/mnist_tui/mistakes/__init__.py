"""What the mistakes screen shows, without widgets."""
