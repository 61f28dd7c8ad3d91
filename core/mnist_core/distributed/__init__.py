"""One run trained by several processes, the ranks, each on its share of every batch."""
