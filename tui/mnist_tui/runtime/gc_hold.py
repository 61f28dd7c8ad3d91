"""The garbage collector, held until the first frame is drawn.

What is made until then stays to the end: looking through it again and again for garbage takes a
tenth of the time to the first frame, and later 40 ms at a time from training and from keys.
"""

import gc


def hold_collector() -> None:
    """Leave garbage alone until :func:`release_collector`."""
    gc.disable()


def release_collector() -> None:
    """If it was held, collect again, but never look through what is there now."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
