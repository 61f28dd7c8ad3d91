"""Other keys for commands: names of keys, clashes, and the app with them."""

from collections.abc import Mapping
from contextvars import copy_context
from pathlib import Path

import numpy as np
import pytest

from helpers.app_harness import opened
from mnist_core.data.dataset import Examples
from mnist_tui.charts.chart import Chart
from mnist_tui.lab.state import State
from mnist_tui.mistakes.mistakes_view import MistakesView, empty_text
from mnist_tui.mistakes.sample_query import LabelledAnswers, SampleQuery
from mnist_tui.settings.config import Config, ConfigFile
from mnist_tui.settings.keys import KEYS, Scope, bindings_of, key_hint, set_active_keys
from mnist_tui.settings.rebinding import command_names, key_named, rebound, scopes_of
from mnist_tui.sweeps.sweep_screen import SweepsScreen


def config(keys: Mapping[str, tuple[str, ...]]) -> ConfigFile:
    return ConfigFile(Path("config.toml"), Config(keys=keys))


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("x", "x"),
        ("X", "X"),
        ("?", "question_mark"),
        ("[", "left_square_bracket"),
        (" ", "space"),
        ("space", "space"),
        ("Esc", "escape"),
        ("F5", "f5"),
        ("Ctrl+X", "ctrl+x"),
        ("full_stop", "full_stop"),
    ],
)
def test_keys_are_written_as_people_know_them(text: str, key: str) -> None:
    assert key_named(text) == key


@pytest.mark.parametrize("text", ["", "xx", "ctrl+", "ctrl+foo", "shift+x", "\x1b", "<any>"])
def test_what_names_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="names no key"):
        key_named(text)


def test_a_command_has_one_name_in_every_scope_and_a_scope_each_name_once() -> None:
    for scope in Scope:
        names = [key.name for key in KEYS if key.scope is scope]
        assert len(names) == len(set(names))
    assert all(name.replace("_", "").replace("/", "").isalnum() for name in command_names())


def test_other_keys_take_the_place_of_all_that_a_command_had() -> None:
    table, refused = rebound({"run": ("a", "ctrl+a"), "digit_style": ("f8",)})
    assert refused == {}
    run = next(key for key in table if key.name == "run")
    assert (run.keys, run.insistent) == (("a", "ctrl+a"), ("ctrl+a",))
    styles = [key for key in table if key.name == "digit_style"]
    assert len(styles) > 1
    assert {key.keys for key in styles} == {("f8",)}


def test_two_commands_may_swap_their_keys() -> None:
    table, refused = rebound({"run": ("s",), "stop": ("r",)})
    assert refused == {}
    assert {key.name: key.keys for key in table}["stop"] == ("r",)


def test_the_later_of_two_wishes_for_a_key_is_refused() -> None:
    table, refused = rebound({"edit": ("a",), "run": ("a",)})
    assert refused == {"run": "a is the key of edit."}
    assert {key.name: key.keys for key in table}["run"] == ("r", "ctrl+r")


@pytest.mark.parametrize(
    ("wish", "why"),
    [
        ({"sort_runs": ("q",)}, "q is the key of quit."),
        ({"edit": ("ctrl+q",)}, "ctrl+q is the key of quit."),
        ({"sort_runs": ("y",)}, "y is the key of log."),
        ({"run": ("j",)}, "j moves in tables and fields, so it stays theirs."),
    ],
)
def test_a_key_that_is_taken_is_refused(wish: dict[str, tuple[str, ...]], why: str) -> None:
    assert list(rebound(wish)[1].values()) == [why]


def test_screens_that_are_never_shown_together_may_share_a_key() -> None:
    assert rebound({"run": ("w",)})[1] == {}, "w is a key of the mistakes screen"


def test_keys_that_came_later_give_way_to_a_file_that_uses_them() -> None:
    table, refused = rebound({"delete_run": ("ctrl+d",), "run": ("c",)})
    assert refused == {}
    keys = {key.name: key.keys for key in table}
    assert keys["delete_run"] == ("ctrl+d",)
    assert keys["page_down"] == ()
    assert keys["page_up"] == ("ctrl+u",)
    assert keys["run"] == ("c",)
    assert keys["next_chart"] == ()


def test_ctrl_q_quits_whatever_the_file_says() -> None:
    table, _ = rebound({"quit": ("Q",)})
    assert {key.name: key.keys for key in table}["quit"] == ("Q", "ctrl+q")


async def test_the_app_obeys_the_other_keys_and_shows_them(tmp_path: Path) -> None:
    keys = {"run": ("a", "ctrl+a"), "pause": ("w",), "show_screen_runs": ("f3",)}
    async with opened(tmp_path, config=config(keys)) as lab:
        await lab.pilot.press("r")
        assert lab.runs.made == []
        lab.runs.gate.clear()
        await lab.pilot.press("a")
        await lab.until_state(State.RUNNING)
        await lab.until(lambda: " w" in lab.text().splitlines()[-1])
        await lab.pilot.press("w")
        lab.runs.gate.set()
        await lab.until_state(State.PAUSED)
        await lab.pilot.press("p")
        await lab.until_state(State.COMPLETED)
        commands = [c.title for c in lab.app.get_system_commands(lab.app.screen)]
        assert "Run  (a, ctrl+a)" in commands
        await lab.pilot.press("question_mark")
        await lab.until(lambda: "a, ctrl+a" in lab.text())
        await lab.pilot.press("escape", "f3")
        assert scopes_of(lab.app.screen, KEYS) >= {Scope.RUNS}


async def test_a_key_with_ctrl_works_in_a_field_too(tmp_path: Path) -> None:
    async with opened(tmp_path, config=config({"run": ("a", "ctrl+a")})) as lab:
        await lab.pilot.press("e", "down", "ctrl+a")
        await lab.until_state(State.COMPLETED)


async def test_keys_of_other_screens_change_when_these_are_made(tmp_path: Path) -> None:
    async with opened(tmp_path, config=config({"delete_run": ("f9",), "quit": ("Q",)})) as lab:
        await lab.pilot.press("r")
        await lab.until_state(State.COMPLETED)
        await lab.pilot.press("3", "D")
        assert len(lab.store.runs()) == 1
        await lab.pilot.press("f9")
        assert lab.store.runs() == []
        await lab.pilot.press("q")
        assert lab.app.is_running
        await lab.pilot.press("Q")
        await lab.until(lambda: not lab.app.is_running)


async def test_the_footer_keeps_its_order(tmp_path: Path) -> None:
    keys = {"run": ("a", "ctrl+a"), "show_screen_mistakes": ("f7",), "help": ("f5",)}
    async with opened(tmp_path, config=config(keys)) as lab:
        await lab.until(lambda: "Palette" in lab.text())
        shown = " ".join(lab.text().splitlines()[-1].split())
        assert shown == (
            "a Run e Edit f7 Mistakes 3 Runs 4 Race 5 Sweeps 6 Network d Draw ^p Palette f5 Help "
            "q Quit"
        )


async def test_sentences_name_the_keys_that_work(tmp_path: Path) -> None:
    keys = {
        "run": ("a",),
        "show_screen_train": ("f5",),
        "start_race": ("b",),
        "switch_samples": ("S",),
        "start_sweep": ("w",),
    }
    async with opened(tmp_path, (200, 60), config=config(keys), first_launch=True) as lab:

        async def shows(sentence: str) -> None:
            await lab.until(lambda: sentence in " ".join(lab.text().replace("│", " ").split()))

        await shows("a trains a network")
        await shows("Press a to train.")
        await lab.pilot.press("3")
        await shows("No runs yet. Press f5, then a, to train one.")
        await lab.pilot.press("2")
        await shows("how sure it was. Press f5, then a; or")
        await lab.pilot.press("T")
        await lab.pilot.press("S")
        await shows("Press S for the test samples.")
        await lab.pilot.press("4")
        await shows("Choose who races, and press b.")
        await lab.pilot.press("5")
        await lab.until(lambda: isinstance(lab.app.screen, SweepsScreen))
        charts = lab.app.screen.query(Chart)
        assert "Press w to begin the one in the form, e to change" in charts.first().plot.empty
        await lab.pilot.press("d")
        await shows("read digits. Press f5, then a, to train")
    assert key_hint("run") == "a"


@pytest.mark.parametrize(
    ("key", "shown"),
    [("escape", "Esc"), ("f9", "F9"), ("ctrl+b", "Ctrl+b"), ("c", "c"), ("A", "A")],
)
def test_a_key_that_begins_a_sentence_stays_the_key_that_it_is(key: str, shown: str) -> None:
    def words() -> str:
        set_active_keys(rebound({"clear_samples": (key,)})[0])
        labelled = LabelledAnswers(Examples(np.zeros((1, 1, 1), np.uint8), np.zeros(1, "<u2")), ())
        view = MistakesView(labelled, dark_on_light=False, samples_name="test")
        return empty_text(view, SampleQuery(true=1))

    assert copy_context().run(words) == f"No sample is in this cell. {shown} shows all mistakes."


def test_where_no_app_runs_the_usual_keys_are_named() -> None:
    assert key_hint("run") == "r"
    assert key_hint("show_screen_train") == "1"


async def test_without_wishes_nothing_is_rebound(tmp_path: Path) -> None:
    async with opened(tmp_path) as lab:
        bound = {
            binding
            for bindings in lab.app.screen._bindings.key_to_bindings.values()
            for binding in bindings
        }
        train = {b for key in KEYS if key.scope is Scope.TRAIN for b in bindings_of(key)}
        assert train <= bound
