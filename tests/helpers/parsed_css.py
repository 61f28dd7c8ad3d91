"""Style sheets that are parsed once for all apps of a process.

A start of the app parses some thirty of them, which is an eighth of the time that it takes. They
are the same in each, and what is read from one never changes.
"""

from functools import cache
from typing import Any

from textual.css.model import RuleSet
from textual.css.parse import parse
from textual.css.tokenize import tokenize_values
from textual.css.tokenizer import Token
from textual.css.types import CSSLocation

_Tokens = dict[str, list[Token]]

_tokens_of_themes: dict[frozenset[tuple[str, str]], _Tokens] = {}


def tokenize_values_once(variables: dict[str, str]) -> _Tokens:
    """Takes the place of `tokenize_values`; equal variables have one and the same answer."""
    theme = frozenset(variables.items())
    if theme not in _tokens_of_themes:
        _tokens_of_themes[theme] = tokenize_values(variables)
    return _tokens_of_themes[theme]


def parse_once(
    scope: str, css: str, read_from: CSSLocation, *, variable_tokens: _Tokens, **kind: Any
) -> tuple[RuleSet, ...]:
    """Takes the place of `parse`, for variables that `tokenize_values_once` has answered."""
    theme = next(key for key, tokens in _tokens_of_themes.items() if tokens is variable_tokens)
    return _parsed(scope, css, read_from, theme, tuple(kind.items()))


@cache
def _parsed(
    scope: str,
    css: str,
    read_from: CSSLocation,
    theme: frozenset[tuple[str, str]],
    kind: tuple[tuple[str, Any], ...],
) -> tuple[RuleSet, ...]:
    tokens = _tokens_of_themes[theme]
    return tuple(parse(scope, css, read_from, variable_tokens=tokens, **dict(kind)))
