"""Two runs' figures side by side."""

from pathlib import Path

import pytest

from helpers.runs_lab import OpenLab
from helpers.stored_runs import put_run
from mnist_core.store import RunRecord, RunStore
from mnist_tui.runs.results import Result, results
from mnist_tui.runs.small_curves import SmallCurves, small_curve


def test_each_figure_stands_beside_the_other_with_its_difference(tmp_path: Path) -> None:
    put_run(tmp_path, "a", "one", accuracies=(0.1, 0.9512, 0.95), seconds=12.0)
    put_run(tmp_path, "b", "two", accuracies=(0.1, 0.9129), seconds=1234.5)
    store = RunStore(tmp_path)
    two, one = store.runs()
    store.close()
    found = {result.label: result for result in results(one, two)}
    assert found["Best"] == Result("Best", "95.12 %", "91.29 %", "+3.83")
    assert found["Last"] == Result("Last", "95.00 %", "91.29 %", "+3.71")
    assert found["Seconds"] == Result("Seconds", "12.0", "1234.5", "-1 222.5")
    assert found["Parameters"].difference == "="
    alone = {result.label: result for result in results(one, None)}
    assert alone.keys() == found.keys()
    assert not any(result.theirs or result.difference for result in alone.values())


def test_what_is_measured_on_other_samples_has_no_difference(tmp_path: Path) -> None:
    put_run(tmp_path, "a", "one", accuracies=(0.1, 0.9), validation=(0.1, 0.8))
    put_run(tmp_path, "b", "two", accuracies=(0.1, 0.7))
    store = RunStore(tmp_path)
    two, one = store.runs()
    store.close()
    best = results(one, two)[0]
    assert best == Result("Best", "80.00 % validation", "70.00 % test", "")


@pytest.mark.parametrize("keys", [((80, 24), ("c", "c")), ((120, 40), ()), ((200, 60), ())])
async def test_at_every_size_the_results_of_two_runs_are_at_most_three_keys_away(
    lab: OpenLab, three: Path, keys: tuple[tuple[int, int], tuple[str, ...]]
) -> None:
    size, more = keys
    async with lab(size) as here:
        await here.press(*more)
        assert "third and second (earlier)" in here.text()
        row = next(line for line in here.text().splitlines() if "Best  " in line)
        assert " ".join(row.split("Best  ")[1].split()).startswith("90.00 % 70.00 % +20.00")


def test_a_small_curve_goes_from_its_lowest_to_its_highest_value() -> None:
    assert small_curve([0.5, 0.6, 0.7, 0.85], 12) == "▁▃▅█"
    assert small_curve([0.5, float("nan"), 0.9], 12) == "▁█"
    assert small_curve([0.4], 12) == "█"
    assert small_curve([], 12) == ""
    assert len(small_curve([k / 100 for k in range(100)], 12)) == 12


async def test_a_wide_table_has_more_columns_and_reads_only_the_curves_on_show(
    lab: OpenLab, three: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    of = SmallCurves.of

    def noted(curves: SmallCurves, record: RunRecord) -> str:
        read.append(record.id)
        return of(curves, record)

    monkeypatch.setattr(SmallCurves, "of", noted)
    async with lab() as here:
        assert "test loss" not in here.lines()[0]
        assert not read
    async with lab((200, 60)) as here:
        assert here.lines()[0].split()[-5:] == ["ex/s", "started", "↓", "tags", "note"]
        assert "test loss" in here.lines()[0]
        first = next(line for line in here.lines() if " first " in line)
        assert "█▁" in first, "99 % after the first epoch, then 50 %"
        assert first.split("baseline")[1].strip() == "where it began"
        assert set(read) == {"aaaa", "bbbb", "cccc"}
