"""Charts of curves that grow, drawn as text: no widget, no timer, no thread."""
