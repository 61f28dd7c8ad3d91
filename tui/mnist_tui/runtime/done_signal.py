"""What a terminal is sent when a run is done: its bell, or a notification on the desktop."""

from collections.abc import Mapping
from typing import Literal, get_args

WhenDone = Literal["none", "bell", "notify"]
WHEN_DONE: tuple[WhenDone, ...] = get_args(WhenDone)

_BELL = "\a"
_WITHOUT = ("linux", "dumb")
"""How TERM begins where there is no desktop to show a notification, or no escape is understood."""
_TAKES_777 = ("rxvt", "foot")
"""How TERM begins in terminals with urxvt's sequence, which is that of VTE too; others that show
notifications know iTerm2's.
"""
_UNKNOWN = ("tmux", "screen")
"""How TERM begins where another program stands before the terminal: it may be any."""


def done_signal(how: WhenDone, words: str, environ: Mapping[str, str]) -> str:
    """What to write to the terminal whose variables are in `environ`; empty: nothing.

    `words` are of visible characters. A notification is OSC 9 (iTerm2) or OSC 777 (urxvt); where
    the terminal is not known both, of which it leaves the other. tmux hands it on where its option
    allow-passthrough is on.
    """
    term = environ.get("TERM", "")
    match how:
        case "none":
            return ""
        case "notify" if not term.startswith(_WITHOUT):
            pass
        case _:
            return _BELL
    in_tmux, in_screen = bool(environ.get("TMUX")), bool(environ.get("STY"))
    unknown = in_tmux or in_screen or term.startswith(_UNKNOWN)
    takes_777 = term.startswith(_TAKES_777) or bool(environ.get("VTE_VERSION"))
    sequences = []
    if unknown or not takes_777:
        sequences.append(f"\x1b]9;mnist-tui: {words}\a")
    if unknown or takes_777:
        sequences.append(f"\x1b]777;notify;mnist-tui;{words}\a")
    if in_tmux:
        doubled = (each.replace("\x1b", "\x1b\x1b") for each in sequences)
        sequences = [f"\x1bPtmux;{each}\x1b\\" for each in doubled]
    elif in_screen:
        sequences = [f"\x1bP{each}\x1b\\" for each in sequences]
    return "".join(sequences)
