"""Split a program's output into text and control sequences, and reduce those to what pyte draws.

pyte prints parts of the sequences it does not know, or raises. The grammar is that of ECMA-48,
section 5.4; the meanings are those of xterm's "Control Sequences".
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import pyte

_SEQUENCE = re.compile(
    r"""\x1b(?:
        \[(?P<private>[<-?]?)(?P<parameters>[0-?]*)(?P<between>[ -/]*)(?P<final>[@-~])  # CSI
        |\].*?(?:\x07|\x1b\\)  # OSC
        |[PX^_].*?\x1b\\       # DCS, SOS, PM, APC
        |[ -/]*[0-OQ-WYZ\\`-~] # the others
    )""",
    re.VERBOSE | re.DOTALL,
)
_BEGINNING = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|[\]PX^_].*|[ -/]*)", re.DOTALL)
_UNDRAWABLE = re.compile(r"[\x00\x0e\x0f\x80-\x9f]")

_DRAWN_FINALS = frozenset(pyte.Stream.csi) - {"c", "n"}  # those two ask for an answer
_DRAWN_ESCAPES = frozenset(pyte.Stream.escape)
_DRAWN_PRIVATE_MODES = frozenset({6, 7, 25})
_LARGEST = {"J": 3, "K": 2}  # pyte raises above
_PARAMETER_LIMITS = {"H": 2, "f": 2, "r": 2, "h": 16, "l": 16}  # pyte raises for more; others 1


class Csi(NamedTuple):
    """A control sequence: CSI, an optional mark of private use, parameters, a final byte."""

    private: str
    """One of < = > ? or nothing."""
    parameters: str
    final: str
    """The final byte, with the intermediate bytes before it."""

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.parameters.split(";") if part.isdecimal())


class Splitter:
    """Cuts a stream into plain text and complete sequences, wherever its chunks were cut."""

    def __init__(self) -> None:
        self._rest = ""

    def pieces(self, chunk: str) -> Iterator[str | Csi]:
        """Yield text, control sequences, and other sequences as text that starts with escape."""
        text, self._rest = self._rest + chunk, ""
        position = 0
        while (start := text.find("\x1b", position)) >= 0:
            if start > position:
                yield text[position:start]
            sequence = _SEQUENCE.match(text, start)
            if sequence is None and _BEGINNING.fullmatch(text, start):
                self._rest = text[start:]
                return
            position = sequence.end() if sequence else start + 1
            if sequence and sequence["final"]:
                final = sequence["between"] + sequence["final"]
                yield Csi(sequence["private"], sequence["parameters"], final)
            elif sequence:
                yield sequence[0]
        if position < len(text):
            yield text[position:]


def drawable(piece: str | Csi) -> str:
    """The piece as pyte can take it; empty where it draws nothing."""
    if isinstance(piece, str):
        if piece.startswith("\x1b"):
            return piece if piece[1:] in _DRAWN_ESCAPES else ""
        return _UNDRAWABLE.sub("", piece)
    if piece.private == "?" and piece.final in {"h", "l"}:
        modes = [str(mode) for mode in piece.numbers if mode in _DRAWN_PRIVATE_MODES]
        return f"\x1b[?{';'.join(modes)}{piece.final}" if modes else ""
    if piece.private or piece.final not in _DRAWN_FINALS:
        return ""
    if piece.final == "m" and piece.parameters:
        plain = _plain_colours(piece.parameters)
        return f"\x1b[{plain}m" if plain else ""
    if any(number > _LARGEST.get(piece.final, number) for number in piece.numbers):
        return ""
    kept = piece.parameters.split(";")[: _PARAMETER_LIMITS.get(piece.final, 1)]
    return f"\x1b[{';'.join(kept)}{piece.final}"


def _plain_colours(parameters: str) -> str:
    """Write `4:3` and `38:2::255:0:0` in the older form, and leave out the underline's colour."""
    plain: list[str] = []
    fields = iter(parameters.split(";"))
    for field in fields:
        code, *details = field.split(":")
        if code in {"38", "48", "58"}:
            if not details:
                kind = next(fields, "")
                details = [kind, *islice(fields, 3 if kind == "2" else 1)]
            colour = details[-3:] if details[0] == "2" else details[1:2]
            if code != "58":
                plain += [code, details[0], *colour]
        elif code == "4" and details:
            plain.append("24" if details[0] == "0" else "4")
        elif not details:
            plain.append(code or "0")
    return ";".join(plain)
