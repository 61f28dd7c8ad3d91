"""The network screen: the units of a layer, and one of them large."""
