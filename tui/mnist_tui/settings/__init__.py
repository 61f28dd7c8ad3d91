"""What a user sets: the configuration file, keys, themes; and the help made from them."""
