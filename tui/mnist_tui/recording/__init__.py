"""The screen of one recording: a small chart a name, and what its model said."""
