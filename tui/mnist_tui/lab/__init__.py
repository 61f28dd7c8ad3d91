"""The state of the laboratory, without widgets: data, the session, runs and their curves."""
