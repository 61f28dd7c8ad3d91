"""Stored runs as the interface lists and compares them; nothing here holds a widget."""
