"""Charts of curves that grow: drawn as text, and shown by a widget. No timer, no thread."""
