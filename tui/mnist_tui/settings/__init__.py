"""What a user sets: the configuration file, keys and themes."""
