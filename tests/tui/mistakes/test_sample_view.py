"""One sample large: its words, bars and history as text, and the view at several sizes."""

from dataclasses import replace
from itertools import product
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.strip import Strip

from helpers.graphics import CELL, PLACEHOLDER
from mnist_core.data.dataset import Examples
from mnist_core.store.answers import SampleAnswer
from mnist_tui.mistakes.explanation import Explanation, Map, Nearby, Signs, Why
from mnist_tui.mistakes.sample_text import (
    NOT_KEPT,
    SampleDetail,
    history_strip,
    probability_bars,
    sample_text,
)
from mnist_tui.mistakes.sample_view import SampleView, lay_out
from mnist_tui.text.picture_style import PICTURE_STYLES
from mnist_tui.text.styled_text import StyledLine, Tone, flow, line_width
from mnist_tui.ui.pixels import Pixels

DIGITS = tuple("0123456789")


def spread(**shares: float) -> NDArray[np.float32]:
    """Probabilities of ten classes: spread(_9=0.9) gives the others the same share of the rest."""
    given = {int(name[1:]): share for name, share in shares.items()}
    rest = (1 - sum(given.values())) / (10 - len(given))
    return np.array([given.get(label, rest) for label in range(10)], np.float32)


def said(epoch: int, predicted: int, confidence: float) -> SampleAnswer:
    return SampleAnswer(epoch, predicted, confidence, loss=0.0)


def detail() -> SampleDetail:
    """A 4 that is taken for a 9."""
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 13:16] = 255
    return SampleDetail(
        image=image,
        dark_on_light=False,
        index=947,
        true=4,
        predicted=9,
        class_names=DIGITS,
        probabilities=spread(_9=0.973, _4=0.019),
        confidence=0.973,
        loss=3.9608,
        margin=-0.954,
        second=4,
        history=[said(epoch, 4 if epoch % 3 else 9, 0.1 * epoch) for epoch in range(11)],
        epoch=6,
    )


def many(count: int = 63) -> SampleDetail:
    """The same with `count` classes, all but three of them far below the others."""
    probabilities = np.full(count, 0.0004, np.float32)
    probabilities[[9, 20, 30]] = 0.7, 0.2, 0.07
    return replace(
        detail(), class_names=tuple(f"class {n}" for n in range(count)), probabilities=probabilities
    )


def plain(lines: list[StyledLine]) -> list[str]:
    return ["".join(text for text, _ in line) for line in lines]


def tone_of(lines: list[StyledLine], words: str) -> Tone:
    return next(tone for line in lines for text, tone in line if words in text)


def short(lines: list[StyledLine]) -> list[str]:
    """The lines without the length of their bars."""
    return [" ".join(line.translate(dict.fromkeys(map(ord, "█▉▊▋▌▍▎▏"))).split())
            for line in plain(lines)]  # fmt: skip


# -- words -------------------------------------------------------------------------------------


def test_the_words_say_what_is_known() -> None:
    lines = sample_text(detail(), 60, 30).lines
    assert plain(lines)[:2] == [
        "test 947 · true 4 · says 9 ✗ 97.3 %",
        "loss 3.9608 · margin -0.9540 · second guess 4 (1.9 %)",
    ]
    assert tone_of(lines, "says 9") is Tone.WRONG
    right = sample_text(replace(detail(), true=9, samples_name="training"), 60, 30).lines
    assert plain(right)[0] == "training 947 · true 9 · says 9 ✓ 97.3 %"
    assert tone_of(right, "says 9") is Tone.RIGHT


def test_before_any_run_there_is_the_label_and_the_note() -> None:
    fresh = SampleDetail(detail().image, False, 3, 4, None, DIGITS, notes=["No run yet."])
    assert plain(sample_text(fresh, 60, 30).lines) == ["test 3 · true 4", "No run yet."]


def test_without_probabilities_it_says_why_and_shows_what_is_there() -> None:
    bare = replace(detail(), probabilities=None)
    lines = plain(sample_text(bare, 70, 30).lines)
    assert NOT_KEPT in lines
    assert "second guess 4" in lines[1]
    bars = [line for line in lines if "█" in line and line.endswith("97.3 %")]
    assert len(bars) == 1
    assert bars[0].startswith("✗ 9 ")
    assert "epochs 0-10" in lines


def test_figures_that_are_not_finite_are_named() -> None:
    broken = replace(
        detail(),
        probabilities=np.full(10, np.nan, np.float32),
        confidence=np.nan,
        loss=np.nan,
        history=[said(1, 0, np.nan)],
        epoch=1,
    )
    lines = plain(sample_text(broken, 60, 14).lines)
    assert "says 9 ✗ nan" in lines[0]
    assert "loss nan" in lines[1]
    assert any(line.startswith("+") and line.endswith("more") for line in lines)
    assert any(line.strip() == "?" for line in lines)


def test_parts_flow_into_few_lines_and_are_never_too_wide() -> None:
    parts = [("one", Tone.PLAIN), ("two", Tone.PLAIN), ("a long name", Tone.WRONG)]
    assert plain(flow(parts, 60)) == ["one · two · a long name"]
    assert plain(flow(parts, 11)) == ["one · two", "a long name"]
    assert plain(flow(parts, 5)) == ["one", "two", "a lo…"]


# -- probability bars --------------------------------------------------------------------------


def test_every_class_has_a_bar_with_signs_for_the_true_and_the_predicted_one() -> None:
    lines = probability_bars(detail(), 40, 10)
    assert short(lines)[4] == "✓ 4 1.9 %"
    assert short(lines)[9] == "✗ 9 97.3 %"
    assert short(lines)[0] == "0 0.1 %"
    assert tone_of(lines, "✓") is Tone.RIGHT
    assert tone_of(lines, "✗") is Tone.WRONG
    assert {line_width(line) for line in lines} == {40}


def test_a_right_prediction_has_one_sign() -> None:
    text = "\n".join(plain(probability_bars(replace(detail(), true=9), 40, 10)))
    assert text.count("✓") == 1
    assert "✗" not in text


@pytest.mark.parametrize(
    ("share", "bar"), [(1.0, "█" * 10), (0.5, "█" * 5), (0.001, "▏"), (0.0125, "▏"), (0.0004, "")]
)
def test_bars_are_exact_to_an_eighth_of_a_cell(share: float, bar: str) -> None:
    shares = np.array([share, 1 - share], np.float32)
    two = replace(detail(), class_names=("a", "b"), probabilities=shares, true=0, predicted=1)
    width = len("✓ a ") + 10 + len(" 100.0 %")
    assert plain(probability_bars(two, width, 10))[0][4:14] == bar.ljust(10)


def test_what_is_below_a_tenth_of_a_percent_is_not_said_to_be_nothing() -> None:
    lines = short(
        probability_bars(replace(detail(), probabilities=spread(_9=0.9999, _4=0)), 40, 10)
    )
    assert lines[4] == "✓ 4 0.0 %"
    assert lines[0] == "0 <0.1 %"


def test_many_classes_fold_to_the_true_the_predicted_and_the_most_probable() -> None:
    lines = short(probability_bars(many(), 40, 6))
    assert lines == [
        "✗ class 9 70.0 %",
        "class 20 20.0 %",
        "class 30 7.0 %",
        "class 0 <0.1 %",
        "✓ class 4 <0.1 %",
        "+58 more below 0.1 %",
    ]
    assert short(probability_bars(many(), 40, 3)) == [
        "✗ class 9 70.0 %",
        "✓ class 4 <0.1 %",
        "+61 more below 20.1 %",
    ]


@pytest.mark.parametrize("height", [3, 5, 10, 30, 62, 63, 80])
def test_shown_and_hidden_classes_are_all_of_them(height: int) -> None:
    lines = short(probability_bars(many(), 40, height))
    assert len(lines) == min(63, height)
    hidden = int(lines[-1][1:].split()[0]) if lines[-1].startswith("+") else 0
    shown = [line for line in lines if "class" in line]
    assert len(shown) + hidden == 63
    assert sum("✓ class 4 " in line for line in shown) == 1
    assert sum("✗ class 9 " in line for line in shown) == 1


# -- history -----------------------------------------------------------------------------------


def test_the_history_has_a_cell_for_each_epoch() -> None:
    strip = history_strip(detail(), 40)
    title, classes, confidences, mark = plain(strip.lines)
    assert title == "epochs 0-10"
    assert classes.split() == list("94494494494")
    assert confidences.split() == list("▁▁▂▃▄▄▅▆▇██")
    assert mark == " " * 12 + "▲ epoch 6: 9 ✗ 60 %"
    assert [tone for _, tone in strip.lines[1]][:3] == [Tone.WRONG, Tone.RIGHT, Tone.RIGHT]
    assert [strip.epoch_at(x) for x in (0, 12, 13, 21, 22)] == [0, 6, 6, 10, None]


@pytest.mark.parametrize(
    ("epoch", "title"), [(45, "epochs 30-59 of 120"), (0, "epochs 0-29 of 120"),
                         (120, "epochs 91-120 of 120"), (None, "epochs 91-120 of 120")]
)  # fmt: skip
def test_a_long_history_shows_the_part_around_the_epoch_and_says_so(
    epoch: int | None, title: str
) -> None:
    long = replace(detail(), history=[said(e, 9, 0.5) for e in range(121)], epoch=epoch)
    strip = history_strip(long, 30)
    assert plain(strip.lines)[0] == title
    assert len(strip.epochs) == 30
    assert {line_width(line) for line in strip.lines[1:3]} == {30}
    if epoch is None:
        assert strip.lines[3] == []
    else:
        assert strip.epoch_at(plain(strip.lines)[3].index("▲")) == epoch


def test_the_words_at_the_mark_stand_where_there_is_room() -> None:
    at_end = replace(detail(), epoch=10)
    assert plain(history_strip(at_end, 22).lines)[3] == "epoch 10: 4 ✓ 100 % ▲"
    assert plain(history_strip(replace(detail(), epoch=0), 16).lines)[3][:11] == "▲ epoch 0: "
    assert plain(history_strip(replace(detail(), epoch=0), 11).lines)[3] == "▲ epoch 0"
    assert plain(history_strip(replace(detail(), epoch=5), 9).lines)[3].strip() == "▲"


def test_class_names_in_the_history_leave_out_what_they_share() -> None:
    history = [said(1, 9, 0.5), said(2, 20, 0.5)]
    strip = history_strip(replace(many(), history=history, epoch=2), 30)
    assert plain(strip.lines)[1].split() == ["9", "20"]
    clothes = replace(detail(), class_names=("T-shirt", "Trouser", "Dress"), history=[
        said(1, 0, 0.5), said(2, 2, 0.5)])  # fmt: skip
    assert plain(history_strip(clothes, 30).lines)[1].split() == ["T-s", "Dre"]


# -- how it folds ------------------------------------------------------------------------------


@pytest.mark.parametrize("sample", [detail(), many(), replace(detail(), probabilities=None)])
def test_the_text_fits_every_size(sample: SampleDetail) -> None:
    for width in range(1, 80, 3):
        for height in range(0, 40, 3):
            text = sample_text(sample, width, height)
            assert len(text.lines) <= height
            if width >= 12:
                assert max(map(line_width, text.lines), default=0) <= width


def test_bars_fold_before_the_history_goes() -> None:
    def parts(height: int) -> tuple[int, bool]:
        lines = plain(sample_text(detail(), 60, height).lines)
        bars = sum(line.endswith(" %") and not line.startswith(("test", "+")) for line in lines)
        return bars - ("▲" in "".join(lines)), any(line.startswith("epochs") for line in lines)

    assert parts(18) == (10, True)
    assert parts(12) == (5, True)
    assert parts(8) == (5, False)
    assert parts(4) == (0, False)


class CountingView(SampleView):
    """Counts how often it is drawn."""

    times_drawn = 0

    def draw(self) -> list[Strip]:
        self.times_drawn += 1
        return super().draw()


class ViewApp(App[None]):
    def __init__(self, pixels: Pixels | None = None) -> None:
        super().__init__()
        self.pixels = pixels
        self.epochs: list[int] = []

    def compose(self) -> ComposeResult:
        yield CountingView()

    def on_sample_view_epoch_chosen(self, event: SampleView.EpochChosen) -> None:
        self.epochs.append(event.epoch)

    @property
    def view(self) -> CountingView:
        return self.query_one(CountingView)

    @property
    def lines(self) -> list[str]:
        return [self.view.render_line(y).text for y in range(self.view.size.height)]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


async def test_without_a_sample_it_asks_for_one() -> None:
    app = ViewApp()
    async with app.run_test(size=(40, 10)) as pilot:
        assert app.text.strip() == "No sample."
        app.view.show(detail())
        assert "true 4" in app.text
        app.view.show(None)
        await pilot.click(SampleView, offset=(20, 8))
        assert app.text.strip() == "No sample."
        assert app.epochs == []


@pytest.mark.parametrize("size", [(80, 20), (60, 12), (120, 30)])
async def test_wide_digit_and_text_stand_beside_each_other(size: tuple[int, int]) -> None:
    app = ViewApp()
    async with app.run_test(size=size):
        app.view.show(detail())
        left = app.lines[0].index("test 947")
        assert left >= 16
        assert any("@" in line[:left] for line in app.lines)
        assert not any("@" in line[left:] for line in app.lines)


@pytest.mark.parametrize("size", [(40, 40), (30, 24), (60, 50)])
async def test_tall_the_digit_stands_above_the_text(size: tuple[int, int]) -> None:
    app = ViewApp()
    async with app.run_test(size=size):
        app.view.show(detail())
        ink = [y for y, line in enumerate(app.lines) if "@" in line]
        words = next(y for y, line in enumerate(app.lines) if "test 947" in line)
        assert ink
        assert max(ink) < words


async def test_small_there_is_the_digit_and_two_lines() -> None:
    app = ViewApp()
    async with app.run_test(size=(30, 10)):
        app.view.show(detail())
        assert app.lines[8].rstrip() == "test 947 · true 4"
        assert app.lines[9].rstrip() == "says 9 ✗ 97.3 %"
        assert "@" in "".join(app.lines[:8])


async def test_every_size_is_filled_exactly() -> None:
    app = ViewApp()
    wide = replace(many(), image=np.full((6, 28), 200, np.uint8))
    async with app.run_test(size=(80, 24)) as pilot:
        for size in [(120, 40), (30, 10), (20, 5), (9, 3), (1, 1), (200, 8)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            for sample in (detail(), many(), wide):
                for style in PICTURE_STYLES:
                    app.view.show_style(style)
                    app.view.show(sample)
                    assert len(app.lines) == size[1]
                    assert {cell_len(line) for line in app.lines} == {size[0]}


def reasons(shape: tuple[int, int] = (28, 28)) -> list[Explanation]:
    """One of each kind, of a digit of this shape."""
    random = np.random.default_rng(4)
    amounts = random.uniform(-1, 1, shape).astype(np.float32)
    image = random.integers(0, 255, shape, np.uint8)
    images = random.integers(0, 255, (12, *shape), np.uint8)
    nearest = Nearby(
        Examples(images, np.arange(12, dtype=np.uint16) % 9), np.geomspace(0.1, 1e5, 12)
    )
    return [
        Explanation(Why.GRADIENT, "Why.", Map(image, amounts, Signs("above", "below"))),
        Explanation(Why.NEAREST, "The nearest.", nearest),
        Explanation(Why.NEAREST, "Looking [/] through " + "all of them " * 20),
    ]


@pytest.mark.parametrize("protocol", [None, "kitty"])
async def test_every_size_is_filled_exactly_with_a_reason(
    protocol: Literal["kitty"] | None,
) -> None:
    app = ViewApp(Pixels(protocol, CELL, lambda _: None) if protocol else None)
    tall = replace(detail(), image=np.full((40, 3), 200, np.uint8), dark_on_light=True)
    async with app.run_test(size=(80, 24)) as pilot:
        for size in [(120, 40), (78, 9), (30, 10), (1, 1)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            for sample, why in product((detail(), many(), tall), range(3)):
                for style in PICTURE_STYLES:
                    app.view.show_style(style)
                    app.view.show(sample, reasons(sample.image.shape)[why])
                    assert len(app.lines) == size[1]
                    assert {cell_len(line) for line in app.lines} == {size[0]}


async def test_the_words_of_a_reason_take_the_place_of_the_measures() -> None:
    app = ViewApp()
    async with app.run_test(size=(72, 20)):
        slopes, nearest, waits = reasons()
        app.view.show(detail(), slopes)
        assert "Why. + * #: above; = ~ -: below." in app.text
        assert "loss" not in app.text
        assert "9 ✗" in app.text
        app.view.show_style("half-block")
        assert "Why. Orange: above; blue: below." in app.text
        app.view.show(detail(), nearest)
        assert "The nearest." in app.text
        assert "0 · 0.10" in app.text
        assert "epochs" not in app.text
        app.view.show(detail(), waits)
        assert "Looking [/] through" in app.text
        app.view.show(detail())
        assert "loss 3.9608" in app.text


async def test_a_click_on_the_history_goes_to_the_epoch_below_a_map_too() -> None:
    app = ViewApp()
    async with app.run_test(size=(72, 20)) as pilot:
        slopes, nearest, _ = reasons()
        app.view.show(detail(), slopes)
        line = next(y for y, text in enumerate(app.lines) if "epochs 0-10" in text)
        column = app.lines[line].index("epochs 0-10")
        await pilot.click(SampleView, offset=(column + 4, line + 1))
        assert app.epochs == [2]
        app.view.show(detail(), nearest)
        await pilot.click(SampleView, offset=(column + 4, line + 1))
        assert app.epochs == [2]


async def test_half_blocks_are_the_exact_pixels_beside_the_text() -> None:
    app = ViewApp()
    async with app.run_test(size=(80, 17)):
        app.view.show(detail())
        app.view.show_style("half-block")
        assert app.text.count("▀") == 28 * 14
        assert [line.index("t") for line in app.lines[:1]] == [30]


async def test_kitty_shows_the_digit_in_the_place_of_its_characters() -> None:
    sent: list[str] = []
    app = ViewApp(Pixels("kitty", CELL, sent.append))
    async with app.run_test(size=(80, 20)) as pilot:
        app.view.show(detail())
        app.view.show_style("pixels")
        columns = app.lines[0].count(PLACEHOLDER)
        assert columns >= 28
        assert app.text.count(PLACEHOLDER) == columns * columns // 2
        assert "▀" not in app.text
        assert {cell_len(line) for line in app.lines} == {80}
        before = len(sent)
        app.view.show(replace(detail(), epoch=3))
        await pilot.pause()
        assert app.text.count(PLACEHOLDER)
        assert len(sent) == before
        app.view.show_style("half-block")
        assert PLACEHOLDER not in app.text
        assert "a=d,d=I" in sent[-1]


async def test_a_sixel_image_lies_over_the_digit() -> None:
    app = ViewApp(Pixels("sixel", CELL, lambda _: None))
    async with app.run_test(size=(80, 20)) as pilot:
        app.view.show(detail())
        await pilot.pause()
        assert not app.view.children
        app.view.show_style("pixels")
        await pilot.pause()
        await pilot.pause()
        (image,) = app.view.children
        place = lay_out(detail(), 80, 20, "pixels").digit
        assert image.region == place
        drawn = "".join(segment.text for line in app.screen._compositor.render_strips()
                        for segment in line)  # fmt: skip
        assert f'"1;1;{place.width * CELL.width};{place.height * CELL.height}#0;2;' in drawn
        app.view.show(None)
        await pilot.pause()
        await pilot.pause()
        assert not image.display
        app.view.show(detail())
        await pilot.pause()
        await pilot.pause()
        assert image.display
        app.view.show(detail(), reasons()[0])
        await pilot.pause()
        await pilot.pause()
        assert not image.display  # a map is drawn in half-blocks
        assert "▀" in app.text
        app.view.show(detail())
        await pilot.pause()
        await pilot.pause()
        assert image.display
        app.view.show_style("ascii")
        await pilot.pause()
        await pilot.pause()
        assert not image.display


async def test_it_is_drawn_once_for_each_sample() -> None:
    app = ViewApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        before = app.view.times_drawn
        app.view.show(detail())
        await pilot.pause()
        assert app.view.times_drawn == before + 1
        app.view.show_style("ascii")
        await pilot.pause()
        assert app.view.times_drawn == before + 1


async def test_a_click_on_the_history_chooses_the_epoch() -> None:
    app = ViewApp()
    async with app.run_test(size=(80, 30)) as pilot:
        app.view.show(detail())
        y, line = next((y, line) for y, line in enumerate(app.lines) if "9 4 4 9" in line)
        left = line.index("9 4 4 9")
        await pilot.click(SampleView, offset=(left + 4, y))
        await pilot.click(SampleView, offset=(left + 20, y + 1))
        await pilot.click(SampleView, offset=(left + 4, y - 3))
        await pilot.click(SampleView, offset=(2, y))
        assert app.epochs == [2, 10]


async def test_names_and_notes_from_outside_are_drawn_as_plain_text() -> None:
    names = ("[/]", "[red]x", "\x1b[31m")
    hostile = replace(
        detail(), class_names=names, true=0, predicted=1, second=2, notes=["[b]note[/] \x1b"],
        probabilities=np.array([0.2, 0.7, 0.1], np.float32),
        history=[said(1, 1, 0.7), said(2, 2, 0.7)], epoch=1,
    )  # fmt: skip
    app = ViewApp()
    async with app.run_test(size=(120, 40)):
        app.view.show(hostile)
        assert "true [/] · says [red]x ✗" in app.text
        assert "second guess ␛[31m (10.0 %)" in app.text
        assert "[b]note[/] ␛" in app.text
        assert "epoch 1: [red]x ✗ 70 %" in app.text
        assert "\x1b" not in app.text


async def test_dark_on_light_digits_look_like_the_others() -> None:
    app = ViewApp()
    async with app.run_test(size=(80, 20)):
        app.view.show(detail())
        usual = app.lines
        app.view.show(replace(detail(), image=255 - detail().image, dark_on_light=True))
        assert app.lines == usual
