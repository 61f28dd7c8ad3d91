"""The flags: made from the hyperparameters' declaration, checked together."""

from pathlib import Path
from typing import Any

import pytest

from mnist_core.data.registry import dataset_names
from mnist_core.recipe.hyperparameters import Hyperparameters, hyperparameter_fields
from mnist_core.recipe.presets import presets
from mnist_tui.cli import run
from mnist_tui.runtime.output import EXIT_USAGE
from mnist_tui.runtime.startup import LaunchOptions


def hyperparameters(launched: list[LaunchOptions], *arguments: str) -> Hyperparameters:
    assert run(["train", *arguments]) == 0
    return launched[-1].recipes[0]


OTHER_VALUES = {
    "model": "lenet",
    "hidden_sizes": "128,64",
    "activation": "gelu",
    "dropout": "0.25",
    "optimizer": "muon",
    "learning_rate": "0.01",
    "momentum": "0.9",
    "weight_decay": "0.001",
    "schedule": "cosine",
    "warmup_steps": "20",
    "batch_size": "64",
    "epochs": "3",
    "patience": "5",
    "target_accuracy": "0.98",
    "pixel_scaling": "standard",
    "label_smoothing": "0.1",
    "validation": "5000",
    "seed": "7",
}


def test_every_hyperparameter_has_a_flag_that_sets_it(launched: list[LaunchOptions]) -> None:
    arguments = [
        part
        for name, text in OTHER_VALUES.items()
        for part in (hyperparameter_fields()[name].flag, text)
    ]
    made = hyperparameters(launched, *arguments, "--no-shuffle")
    unset = {name for name in hyperparameter_fields() if getattr(made, name) == _default(name)}
    assert unset == set()
    assert made.hidden_sizes == (128, 64)
    assert made.validation == 5000


def _default(name: str) -> Any:
    return hyperparameter_fields()[name].default


def test_without_flags_the_default_preset_is_meant(launched: list[LaunchOptions]) -> None:
    assert hyperparameters(launched) == presets()["mlx-docs"].hyperparameters
    assert launched[-1].given == frozenset()
    assert launched[-1].data is None
    assert launched[-1].threads is None
    assert launched[-1].device == "auto"


@pytest.mark.parametrize("arguments", [["--hidden-sizes", ""], ["--hidden-sizes="]])
def test_no_hidden_sizes_are_softmax_regression(
    launched: list[LaunchOptions], arguments: list[str]
) -> None:
    assert hyperparameters(launched, *arguments).hidden_sizes == ()


def test_a_flag_overrides_its_part_of_the_preset(launched: list[LaunchOptions]) -> None:
    made = hyperparameters(launched, "--preset", "torch-sigmoid", "--learning-rate=0.05")
    recipe = presets()["torch-sigmoid"].hyperparameters
    assert made == recipe.model_copy(update={"learning_rate": 0.05})
    assert launched[-1].given == {"learning_rate"}
    assert launched[-1].preset == "torch-sigmoid"


def test_a_preset_may_carry_what_its_overridden_optimizer_ignores(
    launched: list[LaunchOptions],
) -> None:
    made = hyperparameters(launched, "--preset", "torch-sigmoid", "--optimizer", "adam")
    assert made.momentum == 0.5


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--learning-rate", "-1"], "Learning rate: '-1' is not usable; it takes a number above 0"),
        (["--learning-rate=nan"], "Learning rate: 'nan' is not usable"),
        (["--hidden-sizes", "32,0"], "Hidden layers: '32,0' is not usable; it takes up to 8"),
        (["--hidden-sizes=-32,3"], "Hidden layers: '-32,3' is not usable"),
        (["--seed", "0x10"], "Seed: '0x10' is not usable"),
        (["--epochs", ""], "Epochs: an empty field is not usable"),
        (["--preset", "mlx"], "There is no preset 'mlx'; choose one of mlx-docs, "),
        (["--optimizer", "adam", "--momentum", "0.9"], "--momentum has no effect here: adam has"),
        (["--hidden-sizes", "", "--dropout", "0.1"], "--dropout has no effect here: Without"),
        (["--data", ""], "--data needs the name of a data set or a folder."),
        (["--threads", "0"], '"0" for --threads'),
        (["--threads", "x"], "--threads"),
        (["--device", "tpu"], '"tpu" for --device. Choose from: "auto", "cpu", "gpu".'),
        (["--shuffle=maybe"], '"maybe"'),
        (["--log-every", "0"], '"0" for --log-every'),
        (["--repeat", "-2"], '"-2" for --repeat'),
    ],
)
def test_wrong_values_are_refused_in_one_line(
    launched: list[LaunchOptions],
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    expected: str,
) -> None:
    assert run(["train", *arguments]) == EXIT_USAGE
    output = capsys.readouterr()
    assert expected in output.err
    assert output.err.count("\n") == 1
    assert output.out == ""
    assert launched == []


def test_the_home_folder_is_a_flag_or_a_variable(
    launched: list[LaunchOptions], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MNIST_TUI_HOME", str(tmp_path / "variable"))
    run(["train"])
    run(["train", "--home", str(tmp_path / "flag")])
    assert [options.home.name for options in launched] == ["variable", "flag"]
    assert launched[1].log_file == tmp_path / "flag" / "mnist-tui.log"
    assert list(tmp_path.iterdir()) == []


def test_an_empty_home_means_the_platforms_folders(
    launched: list[LaunchOptions], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MNIST_TUI_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    run(["train"])
    assert launched[0].home.is_absolute()
    assert launched[0].home.name == "mnist-tui"
    assert launched[0].log_file.name == "mnist-tui.log"


def test_the_help_of_data_names_every_data_set(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "--help"]) == 0
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert f"{', '.join(dataset_names()[:-1])} or {dataset_names()[-1]}" in words


def test_help_shows_each_flag_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    words = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for field in hyperparameter_fields().values():
        assert field.flag in words
        assert field.help in words
        default = field.flag if field.default is True else field.format(field.default)
        assert f"[default: {default}]" in words
    for heading in ("Commands", "Data and machine", "Hyperparameters"):
        assert f"─ {heading} ─" in words
