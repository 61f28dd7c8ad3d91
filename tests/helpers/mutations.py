"""Valid inputs that were damaged here and there: what Hypothesis draws for the parsers."""

import struct
from collections.abc import Sequence

from hypothesis import strategies as st

_NUMBERS = (0, 1, 2, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
"""At which programs that read sizes go wrong."""
_WORDS = tuple(struct.pack(order + "I", number) for number in _NUMBERS for order in "<>")


@st.composite
def damaged_bytes(draw: st.DrawFn, originals: Sequence[bytes], most: int = 5) -> bytes:
    """One of `originals`, changed in up to `most` places, or not at all."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(0, most))):
        # The first bytes say what the others are.
        end = draw(st.sampled_from((16, 64, 512, len(data))))
        at = draw(st.integers(0, min(end, len(data))))
        match draw(st.sampled_from(("flip", "set", "word", "insert", "delete", "repeat", "cut"))):
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "set" if at < len(data):
                data[at] = draw(st.integers(0, 255))
            case "word":
                data[at : at + 4] = draw(st.sampled_from(_WORDS))
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "delete":
                del data[at : at + draw(st.integers(1, 40))]
            case "repeat":
                data[at:at] = data[at : at + draw(st.integers(1, 40))]
            case _:
                del data[at:]
    return bytes(data)


@st.composite
def damaged_text(
    draw: st.DrawFn, originals: Sequence[str], pieces: Sequence[str], most: int = 4
) -> str:
    """The same of a text, mostly by what its language is made of."""
    text = draw(st.sampled_from(originals))
    piece = st.one_of(st.sampled_from((*pieces, *ODD_TEXTS)), st.text(max_size=4))
    for _ in range(draw(st.integers(0, most))):
        at = draw(st.integers(0, len(text)))
        match draw(st.sampled_from(("insert", "replace", "delete", "repeat"))):
            case "insert":
                text = text[:at] + draw(piece) + text[at:]
            case "replace":
                text = text[:at] + draw(piece) + text[at + draw(st.integers(1, 6)) :]
            case "delete":
                text = text[:at] + text[at + draw(st.integers(1, 10)) :]
            case _:
                text = text[:at] + text[at : at + 8] * draw(st.integers(2, 60)) + text[at:]
    return text


ODD_TEXTS = (
    "", " ", "\t", "\n", "\0", "\x1b[31m", "\x07", "\x9b", "\u202e", "\u200d", "\ufeff", "\ud800",
    "nan", "inf", "-inf", "1e999", "-0", "0x10", "1_0", "٣", "²", "½", "9" * 400, "1" * 5000,
    "-1", "1e-400", "[red]", "[/]", "'", '"', "\\", "%s", "{}", "é", "数", "😀",
)  # fmt: skip
"""What texts of people, files and terminals have stumbled over."""
