"""What is said of one sample: words, probability bars and history, folded to the room."""

import textwrap
from dataclasses import dataclass

from mnist_tui import numbers
from mnist_tui.lines import figure
from mnist_tui.mistakes import history_strip
from mnist_tui.mistakes.history_strip import Strip
from mnist_tui.mistakes.probability_bars import FEWEST, probability_bars
from mnist_tui.mistakes.sample_detail import SampleDetail
from mnist_tui.mistakes.spans import Line, Span, Tone, flow
from mnist_tui.plain_text import visible

NOT_KEPT = "Probabilities are kept for the best and the last epoch only."


_MANY_BARS = 12
"""Classes beyond which a larger digit is worth more than more bars."""


@dataclass(frozen=True, slots=True)
class SampleText:
    """Lines, and where the history begins among them."""

    lines: list[Line]
    strip: Strip | None = None
    strip_top: int = 0

    def epoch_at(self, x: int, y: int) -> int | None:
        """The epoch of the history at a cell."""
        if self.strip is None or not self.strip_top <= y < self.strip_top + history_strip.HEIGHT:
            return None
        return self.strip.epoch_at(x)


def sample_text(detail: SampleDetail, width: int, height: int) -> SampleText:
    """All that is known of a sample in at most `height` lines of at most `width` cells.

    The words come first; then the history and the bars share the room: where there is too little
    for both, the bars fold, and before they say nothing any more the history goes.
    """
    words = _words(detail, width)
    notes = _notes(detail, width)
    room = height - len(words)
    if len(notes) > room:
        notes = []
    room -= len(notes)
    classes = 1 if detail.probabilities is None else len(detail.probabilities)
    wanted = probability_bars(detail, width, max(classes, FEWEST))
    fewest = min(len(wanted), FEWEST)
    strip = None
    if detail.history and room - history_strip.HEIGHT >= fewest:
        strip = history_strip.history_strip(detail, width)
        room -= history_strip.HEIGHT
    bars = wanted
    if len(wanted) > room:
        bars = probability_bars(detail, width, room) if room >= FEWEST else []
    room -= len(bars)

    lines = [*words[:height], *notes]
    if bars:
        gap = room > 0
        lines += [*([[]] if gap else []), *bars]
        room -= gap
    top = len(lines)
    if strip:
        lines += [[]] if room > 0 else []
        top = len(lines)
        lines += strip.lines
    return SampleText(lines, strip, top)


def wanted_height(detail: SampleDetail, width: int) -> int:
    """Lines in which everything stands, of many classes the foremost."""
    height = len(_words(detail, width)) + len(_notes(detail, width))
    bars = min(_MANY_BARS, len(probability_bars(detail, width, _MANY_BARS)))
    height += 1 + bars if bars else 0
    return height + (1 + history_strip.HEIGHT if detail.history else 0)


def _words(detail: SampleDetail, width: int) -> list[Line]:
    """The labels, how sure the model is, and the measures, the most important first."""
    parts: list[Span] = [
        (f"{visible(detail.samples_name)} {detail.index}", Tone.QUIET),
        (f"true {detail.name(detail.true)}", Tone.PLAIN),
    ]
    if detail.predicted is not None:
        says = f"says {detail.name(detail.predicted)} {'✗' if detail.wrong else '✓'}"
        if detail.confidence is not None:
            says += f" {numbers.percent(detail.confidence, 1)}"
        parts.append((says, Tone.WRONG if detail.wrong else Tone.RIGHT))
    measures: list[Span] = []
    if detail.loss is not None:
        measures.append((f"loss {figure(detail.loss)}", Tone.PLAIN))
    if detail.margin is not None:
        measures.append((f"margin {figure(detail.margin)}", Tone.PLAIN))
    if detail.second is not None:
        second = f"second guess {detail.name(detail.second)}"
        if detail.probabilities is not None and detail.second < len(detail.probabilities):
            second += f" ({numbers.percent(float(detail.probabilities[detail.second]), 1)})"
        measures.append((second, Tone.PLAIN))
    return [*flow(parts, width), *flow(measures, width)]


def _notes(detail: SampleDetail, width: int) -> list[Line]:
    sentences = [visible(detail.note)] if detail.note else []
    if detail.predicted is not None and detail.probabilities is None:
        sentences.append(NOT_KEPT)
    return [
        [(line, Tone.QUIET)]
        for sentence in sentences
        for line in textwrap.wrap(sentence, max(1, width))
    ]
