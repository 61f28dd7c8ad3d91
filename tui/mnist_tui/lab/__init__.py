"""The state of the laboratory, without widgets: data, session, runs with curves, marks, recipes."""
