"""Curves that other programs wrote, as recordings."""


class ImportProblem(Exception):  # noqa: N818 - it is the file's, not the program's
    """The message is a sentence for the user: which file, where in it, what is wrong."""
