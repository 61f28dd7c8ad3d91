import numpy as np
import pytest
from rich.cells import cell_len
from rich.style import Style

from mnist_tui.text.digits import render
from mnist_tui.ui.sample_sheet import Samples, Sheet, SheetStyles, arrange, draw, title_text

MNIST = (28, 28)
STYLES = SheetStyles(
    ink=Style(color="white", bgcolor="black"),
    label=Style(color="cyan", bgcolor="black"),
    wrong=Style(color="red", bgcolor="black"),
    cursor=Style(color="blue"),
)


def blocks(count: int, class_names: tuple[str, ...]) -> Samples:
    """Images full of ink, the classes in turn."""
    labels = np.arange(count, dtype=np.uint16) % len(class_names)
    return Samples(np.full((count, 8, 8), 255, np.uint8), labels, class_names)


def lines_of(
    samples: Samples, predictions: list[int] | None, width: int, height: int
) -> tuple[Sheet, list[str]]:
    count, *shape = samples.images.shape
    sheet = arrange(width, height, (shape[0], shape[1]), count, samples.longest_name)
    assert sheet is not None
    pictures = render(samples.images[: sheet.count], sheet.columns, sheet.rows)
    answers = None if predictions is None else np.array(predictions, np.uint8)
    strips = draw(samples, pictures, answers, sheet, STYLES)
    assert [strip.cell_length for strip in strips] == [width] * height
    return sheet, [strip.text for strip in strips]


@pytest.mark.parametrize(
    ("size", "fewest", "most"), [((24, 20), 6, 12), ((45, 36), 12, 24), ((76, 55), 24, 60)]
)
def test_a_larger_pane_shows_more_digits(size: tuple[int, int], fewest: int, most: int) -> None:
    sheet = arrange(*size, MNIST, 60)
    assert sheet is not None
    assert fewest <= sheet.count <= most
    assert sheet.rows >= 5


@pytest.mark.parametrize(
    "shape", [(28, 28), (50, 50), (8, 8), (20, 33), (33, 20), (1, 64), (64, 1)]
)
@pytest.mark.parametrize("longest_name", [1, 2, 30])
def test_digits_and_labels_never_overlap_at_any_size(
    shape: tuple[int, int], longest_name: int
) -> None:
    arranged = 0
    for width in range(1, 120, 7):
        for height in range(1, 60, 5):
            sheet = arrange(width, height, shape, 60, longest_name)
            if sheet is None:
                continue
            arranged += 1
            slots = [sheet.left(c + 1) - sheet.left(c) for c in range(sheet.across)]
            stories = [sheet.top(r + 1) - sheet.top(r) for r in range(sheet.down)]
            assert sum(slots) == width
            assert sum(stories) == height
            assert max(slots) - min(slots) <= 1
            assert max(stories) - min(stories) <= 1
            assert min(slots) >= sheet.columns + (sheet.across > 1)
            assert min(stories) >= sheet.rows + sheet.label_rows
    assert arranged > 20


def test_few_samples_grow_into_the_room() -> None:
    few, many = arrange(76, 55, MNIST, 10), arrange(76, 55, MNIST, 60)
    assert few is not None
    assert many is not None
    assert few.count >= 10
    assert few.rows > many.rows


def test_no_room_and_no_samples_give_no_sheet() -> None:
    assert arrange(3, 20, MNIST, 60) is None
    assert arrange(20, 1, MNIST, 60) is None
    assert arrange(80, 24, MNIST, 0) is None


def test_right_digits_carry_their_label_alone_and_wrong_ones_both() -> None:
    _, lines = lines_of(blocks(2, ("6", "7")), [1, 1], 30, 8)
    assert lines[-1].split() == ["6", "→", "7", "✗", "7"]


def test_before_any_prediction_there_are_only_true_labels() -> None:
    _, lines = lines_of(blocks(2, ("6", "7")), None, 30, 8)
    assert lines[-1].split() == ["6", "7"]


def test_only_wrong_digits_have_the_error_style() -> None:
    samples = blocks(2, ("6", "7"))
    sheet = arrange(30, 8, (8, 8), 2)
    assert sheet is not None
    pictures = render(samples.images, sheet.columns, sheet.rows)
    strips = draw(samples, pictures, np.array([1, 1], np.uint8), sheet, STYLES)
    red = [
        segment.text
        for strip in strips
        for segment in strip
        if segment.style and segment.style.color == STYLES.wrong.color
    ]
    assert red == ["@" * sheet.columns] * sheet.rows + ["6 → 7 ✗"]


def test_half_blocks_blend_from_the_paper_to_the_ink() -> None:
    samples = Samples(np.array([[[0], [255]]], np.uint8), np.zeros(1, np.uint16), ("6",))
    styles = SheetStyles(
        Style.parse("#ffffff on #101010"), STYLES.label, STYLES.wrong, STYLES.cursor
    )
    sheet = Sheet(1, 2, across=1, down=1, columns=1, rows=1, label_rows=1)
    strip, _ = draw(samples, render(samples.images, 1, 1, "half-block"), None, sheet, styles)
    (segment,) = [segment for segment in strip if segment.text]
    assert segment.text == "▀"
    assert segment.style == Style.parse("#101010 on #ffffff")


def test_long_names_stand_on_two_lines_and_are_shortened_to_their_place() -> None:
    samples = blocks(9, ("T-shirt/top", "x" * 40, "あいうえおかきくけこ"))
    sheet, lines = lines_of(samples, [1, 2, 0] * 3, 50, 30)
    assert sheet.label_rows == 2
    text = "\n".join(lines)
    assert "T-shirt/top" in text
    assert "xxx…" in text
    assert text.count("✗") == min(9, sheet.count)
    assert max(map(cell_len, lines)) == 50


def test_a_label_beyond_the_names_is_drawn_as_its_number() -> None:
    _, lines = lines_of(blocks(1, ("6",)), [12], 30, 8)
    assert "6 → 12 ✗" in lines[-1]


def test_each_cell_belongs_to_the_nearest_digit() -> None:
    sheet = Sheet(41, 20, across=4, down=3, columns=8, rows=4, label_rows=1)
    positions = {sheet.position(x, y) for x in range(41) for y in range(20)}
    assert positions == set(range(12))
    assert sheet.position(0, 0) == 0
    assert sheet.position(40, 19) == 11


def test_the_title_says_what_is_shown_and_as_of_when() -> None:
    labels = np.array([1, 2, 3], np.uint16)
    predictions = np.array([1, 2, 4], np.uint8)
    whole = "Samples · run 7 · epoch 3 · 2 of 3 right"
    assert title_text("run 7", 3, labels, predictions, 60) == whole
    assert title_text("", 3, labels, predictions, 60) == "Samples · epoch 3 · 2 of 3 right"
    assert title_text("", None, labels, predictions, 60) == "Samples · 2 of 3 right"
    assert title_text("run 7", 3, labels, None, 60) == "Samples"
    assert title_text("run 7", 3, labels, predictions, 32) == "run 7 · epoch 3 · 2 of 3 right"
    assert title_text("run 7", 3, labels, predictions, 23) == "epoch 3 · 2 of 3 right"
    assert title_text("run 7", 3, labels, predictions, 5) == "2 of 3 right"
    nothing = np.array([], np.uint16)
    assert title_text("run 7", 3, nothing, nothing, 60) == "Samples · run 7 · epoch 3"


@pytest.mark.parametrize("shape", [(1, 64), (2, 300), (28, 28), (64, 1)])
def test_images_of_any_shape_have_a_place_where_a_line_and_a_label_fit(
    shape: tuple[int, int],
) -> None:
    for width, height in ((24, 8), (45, 36), (120, 50)):
        sheet = arrange(width, height, shape, 24)
        assert sheet is not None
        assert sheet.columns <= width
        picture = render(np.full((1, *shape), 255, np.uint8), sheet.columns, sheet.rows)
        assert any(line.strip() for line in picture.lines[0])
        if shape[0] < 3:
            assert max(len(line.strip()) for line in picture.lines[0]) == width
