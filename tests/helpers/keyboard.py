"""What an xterm sends for keys and mouse buttons."""

ESCAPE = "\x1b"

_NAMED = {
    "enter": "\r",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "space": " ",
    "backspace": "\x7f",
    "esc": ESCAPE,
    "escape": ESCAPE,
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "insert": "\x1b[2~",
    "delete": "\x1b[3~",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "f1": "\x1bOP",
    "f2": "\x1bOQ",
    "f3": "\x1bOR",
    "f4": "\x1bOS",
    "f5": "\x1b[15~",
    "f6": "\x1b[17~",
    "f7": "\x1b[18~",
    "f8": "\x1b[19~",
    "f9": "\x1b[20~",
    "f10": "\x1b[21~",
    "f11": "\x1b[23~",
    "f12": "\x1b[24~",
}


def encode(key: str) -> str:
    """The characters of a named key (`enter`, `ctrl+q`); other text stands for itself."""
    name = key.lower()
    if name in _NAMED:
        return _NAMED[name]
    if len(name) == len("ctrl+x") and name.startswith("ctrl+") and name[-1].isalpha():
        return chr(ord(name[-1]) - ord("a") + 1)
    return key


def encode_click(x: int, y: int) -> str:
    """Press and release of the left button on a cell, counted from 0, in the form of mode 1006."""
    return f"\x1b[<0;{x + 1};{y + 1}M\x1b[<0;{x + 1};{y + 1}m"
