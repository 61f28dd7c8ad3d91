"""`mnist-tui bench`: races in tables and JSON, and what watching a run costs."""
