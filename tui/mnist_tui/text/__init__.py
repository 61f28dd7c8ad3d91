"""Values as text: numbers, tables, digits as characters, text from outside."""
