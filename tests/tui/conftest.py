"""What every test of the interface shares."""

import pytest
import textual.app
import textual.css.stylesheet
import textual.pilot
from textual.css.model import RuleSet

from helpers.parsed_css import parse_once, tokenize_values_once
from helpers.settling import settled


@pytest.fixture(autouse=True)
def _wait_no_longer_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (textual.app, textual.pilot):
        monkeypatch.setattr(module, "wait_for_idle", settled)


@pytest.fixture(autouse=True)
def _parse_css_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(textual.css.stylesheet, "tokenize_values", tokenize_values_once)
    monkeypatch.setattr(textual.css.stylesheet, "parse", parse_once)
    # The same identity, without a call in Python for each rule and each widget.
    monkeypatch.setattr(RuleSet, "__hash__", object.__hash__)
