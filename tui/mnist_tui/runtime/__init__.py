"""How the program lives in its process: log, output, signals, garbage collector."""
