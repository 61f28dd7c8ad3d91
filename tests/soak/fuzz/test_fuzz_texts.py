"""What people type, write into files, and what browsers send."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from helpers.fuzzing import LONGEST_SENTENCE, Fuzz
from helpers.mutations import ODD_TEXTS, damaged_text
from mnist_core.data.dataset import Examples
from mnist_core.recipe.changes import ChangeError, parse_change
from mnist_core.recipe.hyperparameters import (
    Hyperparameters,
    HyperparametersError,
    hyperparameter_fields,
)
from mnist_core.recipe.lists import make_recipes
from mnist_core.store import StoredAnswers
from mnist_core.sweep.ranges import RangeError, parse_range, parse_ranges
from mnist_tui.mistakes.sample_query import FilterError, LabelledAnswers, parse_sample_filter
from mnist_tui.runs.columns import RunRow
from mnist_tui.runs.run_filter import parse_filter
from mnist_tui.settings.config import Config, read_config
from mnist_tui.settings.themes import theme_names
from mnist_tui.text.visible_text import visible
from mnist_tui.train.form_values import check, texts_of, value_of, values_listed
from mnist_tui.web.messages import BadMessage, Focused, Ping, Size, Typed, read_message

FIELDS = tuple(hyperparameter_fields())
SHORT_FIELDS = tuple(field.short_name for field in hyperparameter_fields().values())
SIGNS = (":", "=", "!=", "<", "<=", ">", ">=", "->", "→", ",", "|", "%", "k", "M", "-", '"')


def test_the_configuration_file(fuzz: Fuzz, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"

    def take(text: str) -> None:
        path.write_bytes(text.encode(errors="surrogatepass"))
        found = read_config(path)
        for problem in found.problems:
            assert problem == visible(problem)
            assert 0 < len(problem) < LONGEST_SENTENCE
        config = found.config
        assert config.theme in theme_names()
        assert 0 <= config.smoothing <= 0.99
        assert Config.model_validate(config.model_dump()) == config

    originals = (
        'theme = "laboratory-light"\npreset = "mlx-wide"\nsmoothing = 0.5\n[keys]\nrun = "x"\n',
        'digits = "braille"\nwhen_done = "bell"\nkeys.run = ["a", "ctrl+r"]\nkeys.quit = "F5"\n',
        '# comment\nsmoothing = 1e-3\nkeys = { pause = "?", stop = ["space"] }\n',
    )
    pieces = ("[", "]", "{", "}", "=", "\n", ".", '"""', "'''", "#", "true", "1979-05-27", "keys",
              "theme", "smoothing", "[[keys]]", "run", "\\u0000", "0b1")  # fmt: skip
    fuzz("config.toml", damaged_text(originals, pieces), (), take)


def test_the_filter_of_runs(fuzz: Fuzz, kept_rows: list[RunRow]) -> None:
    def take(text: str) -> None:
        found = parse_filter(text)
        assert len(found.problem) < LONGEST_SENTENCE
        for row in kept_rows:
            found.matches(row)

    originals = (
        "optimizer:adam lr>=0.01 acc>95%", 'note:"first try" tag:x !=3', "hidden:64,32 time<1:30",
        "epochs=5 speed>10k kind:recording", "state:completed loss<0.1 id:r",
    )  # fmt: skip
    fuzz("Filters of runs", damaged_text(originals, (*SIGNS, *SHORT_FIELDS)), (), take)


def test_the_filter_of_samples(fuzz: Fuzz) -> None:
    labels = np.arange(12, dtype=np.uint16) % 4
    answers = StoredAnswers(
        1,
        labels[::-1].astype(np.uint8),
        np.linspace(0, 9, 12, dtype=np.float16),
        np.linspace(0, 1, 12, dtype=np.float16),
    )
    names = ("0", "1", "coat", "[red]")
    labelled = [
        LabelledAnswers(Examples(np.zeros((12, 2, 2), np.uint8), labels), names, given)
        for given in (answers, None)
    ]

    def take(text: str) -> None:
        found = parse_sample_filter(text, names)
        for each in labelled:
            assert found.mask(each).shape == (12,)

    originals = ("01 loss>3 wrong", "0>1 conf>=0.9", "class:coat true=1", "index:7 margin<0.1",
                 "→coat right pred:3")  # fmt: skip
    pieces = (*SIGNS, *names, "true", "pred", "class", "conf", "loss", "margin", "index")
    fuzz("Filters of samples", damaged_text(originals, pieces), FilterError, take)


def test_hyperparameters_as_text(fuzz: Fuzz) -> None:
    usual = texts_of(Hyperparameters())

    def take(given: tuple[str, str]) -> None:
        name, text = given
        values_listed(name, text)
        written = value_of(name, text)
        if written is not None:
            # What a form shows of it is read back as the same.
            assert value_of(name, written) == written
        draft = check({**usual, name: text}, Hyperparameters())
        assert bool(draft.recipes) != bool(draft.problems)
        assert all(0 < len(each) < LONGEST_SENTENCE for each in draft.problems.values())
        make_recipes({name: text})

    originals = (*usual.values(), "0.01, 0.03, 0.1", "32|64, 64", "published", "5000", "adam")
    texts = damaged_text(originals, (",", "|", ".", "e", "-", "+", "yes", "no", "none", "sgd"))
    fuzz(
        "Texts of hyperparameters",
        st.tuples(st.sampled_from(FIELDS), texts),
        HyperparametersError,
        take,
    )


def test_changes(fuzz: Fuzz) -> None:
    def take(text: str) -> None:
        found = parse_change(text)
        assert parse_change(str(found)) == found

    originals = ("500:learning_rate=0.05", "1:lr=1e-3", "20:epochs=7", "0:dropout=0.5", "3:bs=64")
    fuzz("--change", damaged_text(originals, (*FIELDS, *SHORT_FIELDS, *SIGNS)), ChangeError, take)


def test_ranges(fuzz: Fuzz) -> None:
    def take(text: str) -> None:
        parse_ranges([text], Hyperparameters())
        found = parse_range(text)
        assert str(parse_range(str(found))) == str(found)

    originals = ("learning_rate=0.001:1:log", "hidden_sizes=32|64,64", "shuffle=yes|no",
                 "optimizer=adam|sgd", "--batch-size = 32:512", "dropout=0:0.5")  # fmt: skip
    fuzz("--sample", damaged_text(originals, (*FIELDS, *SIGNS, ":log")), RangeError, take)


def test_messages_of_browsers(fuzz: Fuzz) -> None:
    def take(text: str) -> None:
        match read_message(text):
            case Typed(typed):
                assert len(typed) <= len(text)
            case Size(columns, rows):
                assert 0 < columns <= 1000
                assert 0 < rows <= 500
            case Focused() | Ping() | None:
                pass
            case other:
                pytest.fail(f"{text!r} is read as {other!r}")

    odd = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(ODD_TEXTS)
    )
    size = st.fixed_dictionaries({}, optional={"width": odd, "height": odd, "x": odd})
    kinds = st.sampled_from(("stdin", "resize", "focus", "blur", "ping", "quit", None, 1))
    invented = st.lists(st.one_of(kinds, size, odd), max_size=4).map(json.dumps)
    originals = ('["stdin", "a\\u001b[A"]', '["resize", {"width": 80, "height": 24}]', '["focus"]',
                 '["ping", "1"]', '["stdin", "\\ud83d\\ude00"]')  # fmt: skip
    pieces = ("[", "]", "{", "}", '"', ",", ":", "\\u", "\\ud800", "NaN", "null", "[[[[[[[[")
    fuzz(
        "WebSocket messages",
        st.one_of(invented, damaged_text(originals, pieces)),
        BadMessage,
        take,
    )
