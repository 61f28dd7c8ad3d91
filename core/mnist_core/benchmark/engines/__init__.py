"""The engines that are compared: one protocol, one registry, and each in a file of its own."""
