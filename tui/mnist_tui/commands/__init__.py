"""The subcommands and their flags, and what opens and ends the app; imported when they are run."""
