"""What an export says when it cannot be done."""


class ExportError(Exception):
    """The message is a sentence for the user: what could not be written, where, what to do."""
