"""No sentence names a key by hand: the user's configuration may have given the command another."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import mnist_tui
from mnist_tui.settings.keys import KEYS, shown_key
from mnist_tui.settings.rebinding import _MOVING

ROOT = Path(mnist_tui.__file__).parent
WITHOUT_KEYS = ("bench", "commands", "web", "cli.py")
"""The command line, where no key does anything."""
WRITES_KEYS = ("settings/config.py", "settings/rebinding.py")
"""They say how keys are written in the configuration file."""

CHANGEABLE = {shown_key(key) for entry in KEYS for key in entry.keys if key not in _MOVING}
ONE_CHARACTER = "|".join(re.escape(key) for key in CHANGEABLE if len(key) == 1)
NAMES = "|".join(re.escape(key) for key in [*CHANGEABLE, "escape"] if len(key) > 1)

_NAME = re.compile(rf"(?<![\w+-])({NAMES})(?![\w+-])", re.IGNORECASE)
_AFTER_A_VERB = re.compile(
    rf"\b(?i:press|presses|hit|type|key|keys|with|by|then)\s+({ONE_CHARACTER})(?!\S*\w)"
)
_BEFORE_A_VERB = re.compile(rf"(?:^|[.;,:]\s+|\band\s+)({ONE_CHARACTER})\s+(?:to|[a-z]+s)\b")
PATTERNS = (_NAME, _AFTER_A_VERB, _BEFORE_A_VERB)


def sentences(tree: ast.AST) -> Iterator[str]:
    """Every literal of several words but docstrings and style sheets; braces for what is put in."""
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr | ast.Expr)
        for part in ([node.value] if isinstance(node, ast.Expr) else node.values)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
        elif isinstance(node, ast.Constant) and id(node) not in inner:
            text = str(node.value)
            if " " in text.strip() and "{\n" not in text:
                yield text


def keys_named(sentence: str) -> set[str]:
    """The keys that `sentence` names by hand, of those that a configuration can change."""
    found = {match[1] for pattern in PATTERNS for match in pattern.finditer(sentence)}
    return {key if len(key) == 1 else key.lower() for key in found}


def fixed_keys(tree: ast.AST) -> set[str]:
    """What people call the keys that a module binds itself, which no configuration changes."""
    bound = {
        key
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id == "Binding" and isinstance(node.args[0], ast.Constant)
        for key in str(node.args[0].value).split(",")
    }
    return {shown_key(key) for key in bound}


@pytest.mark.parametrize(
    ("sentence", "keys"),
    [
        ("Pin a run with P, or mark one.", {"P"}),
        ("Nothing matches. Esc clears the filter.", {"esc"}),
        ("Among the runs, u brings it back until the app is closed.", {"u"}),
        ("Press r to train, then ctrl+q.", {"r", "ctrl+q"}),
        ("Press / to search.", {"/"}),
        ("Press {} to train.", set()),
        ("Press escape, then q to leave; P pins it.", {"escape", "q", "P"}),
        ("The terminal has {} x {} cells.", set()),
        ("A run needs a name, or a second one.", set()),
        ("Enter takes it.", set()),
    ],
)
def test_keys_are_found_in_sentences(sentence: str, keys: set[str]) -> None:
    assert keys_named(sentence) == keys


@pytest.mark.parametrize("path", sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py")))
def test_sentences_take_their_keys_from_the_table(path: str) -> None:
    if path.startswith(WITHOUT_KEYS) or path in WRITES_KEYS:
        return
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    fixed = fixed_keys(tree)
    labels = {key.label for key in KEYS}
    by_hand = {
        sentence: keys_named(sentence) - fixed
        for sentence in sentences(tree)
        if sentence not in labels
    }
    assert {sentence: keys for sentence, keys in by_hand.items() if keys} == {}


@pytest.mark.parametrize("path", sorted(str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py")))
def test_keys_are_written_as_they_are_called(path: str) -> None:
    """With another letter case, a key would be another key."""
    changed = [
        ast.unparse(node)
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call)
        if ast.unparse(node.value.func) in ("key_hint", "sentence_key", "shown_key")
    ]
    assert changed == []
