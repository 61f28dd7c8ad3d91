"""The numbers of any training loop, kept beside the runs: `mnist_core.record`."""
