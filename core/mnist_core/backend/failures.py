"""What went wrong in a run, as a sentence for the user."""

from mnist_core.backend.installation import BackendMissing


def known_failure(error: Exception) -> str | None:
    """What happened and what to do; None where the error's message was not made for users."""
    words = " ".join(str(error).split())
    if isinstance(error, MemoryError) or "bad_alloc" in words or "Unable to allocate" in words:
        return "There is not enough memory for this run. Use smaller layers or a smaller batch."
    return words if isinstance(error, BackendMissing | ValueError) and words else None


def failure_sentence(error: Exception) -> str:
    """The known failure, or that it was none."""
    words = " ".join(str(error).split())
    what = f"{type(error).__name__}: {words}" if words else type(error).__name__
    return known_failure(error) or f"Something unexpected went wrong ({what})."
