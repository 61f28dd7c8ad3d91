"""What a file is that should be IDX and is not, told from its first bytes."""

import codecs

START = 512
"""How many of a file's first bytes are looked at: a tar archive has its mark after 257."""

_GET_THE_FILE = "Get the file itself."
_UNPACK = "Unpack it."
_CONVERT = "Convert it to IDX."

_MARKS: tuple[tuple[int, bytes | tuple[bytes, ...], str, str], ...] = (
    (0, b"version https://git-lfs", "a Git LFS pointer, which stands for the file",
     "Run git lfs pull where it came from."),
    (0, b"/annex/objects/", "a git-annex pointer, which stands for the file",
     "Run git annex get where it came from."),
    (0, b"\x1f\x8b", "gzip within gzip", "Unpack it once with gunzip."),
    (0, b"PK\x03\x04", "a zip archive", _UNPACK),
    (257, b"ustar", "a tar archive", _UNPACK),
    (0, b"BZh", "packed with bzip2", _UNPACK),
    (0, b"\xfd7zXZ\x00", "packed with xz", _UNPACK),
    (0, b"\x28\xb5\x2f\xfd", "packed with zstd", _UNPACK),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _UNPACK),
    (0, b"Rar!", "a RAR archive", _UNPACK),
    (0, b"\x93NUMPY", "a NumPy array (.npy)", _CONVERT),
    (0, (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), "a Python pickle", _CONVERT),
    (0, b"\x89HDF", "an HDF5 file", _CONVERT),
    (0, b"PAR1", "a Parquet file", _CONVERT),
    (0, b"MATLAB", "a MATLAB file", _CONVERT),
    (0, b"\x89PNG", "a PNG picture", _CONVERT),
    (0, b"\xff\xd8\xff", "a JPEG picture", _CONVERT),
    (0, b"%PDF", "a PDF document", _GET_THE_FILE),
    (0, (b"\x01\x08\x00\x00", b"\x03\x08\x00\x00"), "written with the smallest byte first",
     "Write its header with the largest byte first."),
)  # fmt: skip
"""Where a mark stands, the mark, what it is of, and what to do."""

_QUOTED = 40
"""Characters of a text that are shown."""


def what_it_is(start: bytes) -> str:
    """What goes on after the file's name, as "is a zip archive, not an IDX file. Unpack it.".

    Args:
        start: the first `START` bytes, or all there are.
    """
    if not start:
        return "is empty. Get this file again."
    for place, mark, words, advice in _MARKS:
        if start.startswith(mark, place):
            return f"is {words}, not an IDX file. {advice}"
    markup = start.removeprefix(codecs.BOM_UTF8).lstrip().lower()
    if markup.startswith((b"<!", b"<html", b"<head", b"<body")):
        return f"is a web page (HTML), not an IDX file. {_GET_THE_FILE}"
    if markup.startswith(b"<"):
        return f"is XML, such as a server's answer, not an IDX file. {_GET_THE_FILE}"
    if line := _first_line(start):
        return f"is text that begins “{line}”, not an IDX file. {_GET_THE_FILE}"
    return "is not an IDX file, nor of another kind that is known here. Get this file again."


def _first_line(start: bytes) -> str:
    """How the first line of a text begins; empty: it is no text."""
    try:
        # An incremental decoder lets the last character be cut in two.
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(start)
    except UnicodeDecodeError:
        return ""
    is_text = all(character.isprintable() or character.isspace() for character in text)
    return text.strip().partition("\n")[0].strip()[:_QUOTED] if is_text else ""
