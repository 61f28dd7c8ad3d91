"""Commands for a person to type: quoted for a shell, in the way this program was called here."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

PROGRAM = "mnist-tui"

_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t"}
_NOT_SHOWN = frozenset("\ufe0e\ufe0f")
"""Printable, but left out or drawn at another width by what shows text."""


def quoted(words: Sequence[str]) -> str:
    """`words` as one line for a shell.

    Words with what cannot be printed, such as a line end or bytes that are no text, are quoted as
    bash, zsh and ksh read them, $'...': all that is shown of them are printable characters.
    """
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if word.isprintable() and _NOT_SHOWN.isdisjoint(word):
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, word)) + "'"


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable() and character not in _NOT_SHOWN:
        return character
    # By its bytes: \u is not known to every bash.
    return "".join(f"\\x{byte:02x}" for byte in character.encode(errors="surrogateescape"))


def own_command(*words: str) -> str:
    """The line that calls this program with `words`, as it was called itself.

    That is by its bare name where this finds the same program, else by its path. Where it was not
    called by a path, as by another program's Python, it is the bare name.
    """
    return quoted([_program(), *words])


def _program() -> str:
    called = sys.argv[0]
    if Path(called).name != PROGRAM or called == PROGRAM:
        return PROGRAM
    return PROGRAM if _is_found(PROGRAM, called) else called


def _is_found(name: str, path: str | Path) -> bool:
    """Whether a shell that is given `name` starts the program at `path`."""
    found = shutil.which(name)
    try:
        return found is not None and Path(found).samefile(path)
    except OSError:
        return False


def install_command(extra: str, subcommand: str = "") -> str:
    """The line that adds an extra of this program to where it is installed.

    In a checkout it goes on with `subcommand`, by itself with the app.
    """
    checkout = _checkout()
    if checkout is not None:
        arguments = [f"ARGS={subcommand}"] if subcommand else []
        return _make(checkout, "run", f"EXTRA={extra}", *arguments)
    return quoted([*_pip(), "install", *_requirement(extra)])


def reinstall_command(package: str, extra: str = "", *, upgrade: bool = False) -> str:
    """The line that installs a package again that is damaged, or is to be newer.

    Args:
        package: its name; that of this program stands for it with `extra`.
        extra: the one that brings the package, where it is not there by itself.
        upgrade: ask for its newest version.
    """
    checkout = _checkout()
    if checkout is not None:
        return _make(checkout, "clean", "run", *([f"EXTRA={extra}"] if extra else []))
    how = "--upgrade" if upgrade else "--force-reinstall"
    wanted = _requirement(extra) if package == PROGRAM else [package]
    return quoted([*_pip(), "install", how, *wanted])


def replace_command(packages: Sequence[str], extra: str) -> str:
    """The line that puts what `extra` brings in the place of `packages`, beside which it fails."""
    if _checkout() is not None or not packages:
        # There the set-up makes the environment anew.
        return install_command(extra)
    return f"{quoted([*_pip(), 'uninstall', '-y', *packages])} && {install_command(extra)}"


def _checkout() -> Path | None:
    """The checkout whose `make` has installed this program; None: it was installed otherwise."""
    environment = Path(sys.prefix)
    folder = environment.parent
    made = environment.name == ".venv" and (folder / "scripts" / "setup.sh").is_file()
    return folder if made and (folder / "Makefile").is_file() else None


def _make(checkout: Path, *words: str) -> str:
    try:
        is_here = checkout.samefile(os.curdir)
    except OSError:
        is_here = False
    return quoted(["make", *([] if is_here else ["-C", str(checkout)]), *words])


def _pip() -> list[str]:
    """The pip of this environment, which need not be the one that a shell finds."""
    own = Path(sys.prefix) / "bin" / "pip"
    return ["pip"] if not own.exists() or _is_found("pip", own) else [str(own)]


def _requirement(extra: str) -> list[str]:
    """What pip takes for this program with an extra: from where it was installed, if that is known.

    That is in `direct_url.json` (PEP 610) where it did not come from an index.
    """
    wanted = f"{PROGRAM}[{extra}]" if extra else PROGRAM
    try:
        text = metadata.distribution(PROGRAM).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        text = None
    if text is None:
        return [wanted]
    # Only here: what the program says on other occasions need not wait for it.
    import json

    origin = json.loads(text)
    url = origin["url"]
    revision = origin.get("vcs_info", {}).get("commit_id")
    if revision is not None:
        url = f"{origin['vcs_info']['vcs']}+{url}@{revision}"
    if origin.get("dir_info", {}).get("editable"):
        from urllib.parse import unquote, urlsplit

        folder = unquote(urlsplit(url).path, errors="surrogateescape")
        return ["--editable", folder + wanted.removeprefix(PROGRAM)]
    return [f"{wanted} @ {url}"]
