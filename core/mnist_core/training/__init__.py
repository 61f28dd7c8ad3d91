"""Training: the generator of events, the thread that drives it, and the divergence guard."""
