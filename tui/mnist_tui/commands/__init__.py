"""What the subcommands do, imported when they are run."""
