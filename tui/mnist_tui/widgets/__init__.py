"""One widget a file; widgets draw state and own no thread."""
