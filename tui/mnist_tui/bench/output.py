"""What a program wrote to a terminal, as text with the time of each part."""

import codecs
import re
from bisect import bisect_right

# Escape sequences as ECMA-48 builds them, and the strings that DCS, SOS, OSC, PM and APC begin.
_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*(?P<final>[@-~])|[PX\]^_].*?(?:\x07|\x1b\\)|[ -/]*[0-OQ-WYZ`-~\\])",
    re.DOTALL,
)
_MOVES = frozenset("ABCDEFGHfd")
"""Final bytes of the sequences that move the cursor: what follows stands elsewhere."""


class Output:
    """The text in the order in which it was written, with a line break where the cursor jumped.

    Enough to find words that are drawn in one go, and far cheaper than a screen. Text stays when
    it is overwritten.
    """

    def __init__(self) -> None:
        self.text = ""
        self._ends: list[int] = []
        """Length of the text after each part."""
        self._times: list[float] = []
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._unfinished = ""
        """The beginning of an escape sequence whose end has not come yet."""

    def feed(self, data: bytes, now: float) -> None:
        """Append what was read at the time `now`."""
        raw = self._unfinished + self._decoder.decode(data)
        self._unfinished = ""
        last = raw.rfind("\x1b")
        if last >= 0 and _SEQUENCE.match(raw, last) is None:
            raw, self._unfinished = raw[:last], raw[last:]
        self.text += _SEQUENCE.sub(_trace, raw)
        self._ends.append(len(self.text))
        self._times.append(now)

    def time_at(self, position: int) -> float:
        """When the character at `position` of the text was read."""
        return self._times[bisect_right(self._ends, position)]


def _trace(sequence: re.Match[str]) -> str:
    """What stays of an escape sequence."""
    return "\n" if sequence["final"] in _MOVES else ""
