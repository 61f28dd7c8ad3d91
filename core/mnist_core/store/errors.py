"""What the store says when it cannot do what was asked."""


class StoreError(Exception):
    """The message is a sentence for the user: what happened, with which run or file, what to do."""
