"""Values as text: numbers, tables, signs of states, digits as characters, text from outside."""
