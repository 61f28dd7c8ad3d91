"""The models that a run can train, each a file that describes it, and the table of them."""
