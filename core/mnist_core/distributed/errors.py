"""What goes wrong with ranks, as errors whose message is a sentence for the user."""


class RanksError(RuntimeError):
    """The ranks cannot train together; the message says why and what to do."""


class RankLostError(RanksError):
    """Another rank has ended or cannot be reached."""
