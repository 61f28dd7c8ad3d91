"""PyTorch on an accelerator: whether there is one, and that the clock waits for it."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from helpers.python_process import run_python
from mnist_core.benchmark.engines import torch_accelerator
from mnist_core.benchmark.engines.engine_registry import is_importable, make_engine, why_unavailable
from mnist_core.benchmark.engines.torch_accelerator import (
    NO_ACCELERATOR,
    TorchDevice,
    accelerator_found,
    accelerator_in_sight,
    device_name,
    find_accelerator,
    synchronize,
)
from mnist_core.benchmark.problem import Problem
from mnist_core.data.dataset import Dataset
from mnist_core.recipe.hyperparameters import make_hyperparameters

NO_TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")


class Torch(ModuleType):
    """PyTorch as it answers with these accelerators; it keeps what was waited for."""

    def __init__(self, *accelerators: str) -> None:
        super().__init__("torch")
        self.waited: list[str] = []
        self.cuda = self._answers("cuda", accelerators)
        self.cuda.get_device_name = lambda: "Tesla"
        self.mps = self._answers("mps", accelerators)
        self.backends = SimpleNamespace(mps=self.mps)

    def _answers(self, name: str, accelerators: tuple[str, ...]) -> Any:
        return SimpleNamespace(
            is_available=lambda: name in accelerators,
            synchronize=lambda: self.waited.append(name),
        )


@pytest.fixture(autouse=True)
def _forgetful() -> Iterator[None]:
    """No answer of one test is that of another."""
    accelerator_found.cache_clear()
    yield
    accelerator_found.cache_clear()


@pytest.mark.parametrize(
    ("there", "found"),
    [((), None), (("cuda",), "cuda"), (("mps",), "mps"), (("mps", "cuda"), "cuda")],
)
def test_pytorch_is_asked_for_each_accelerator(
    monkeypatch: pytest.MonkeyPatch, there: tuple[str, ...], found: str | None
) -> None:
    monkeypatch.setitem(sys.modules, "torch", Torch(*there))
    assert find_accelerator() == found


@pytest.mark.parametrize(("device", "waited"), [("cpu", []), ("cuda", ["cuda"]), ("mps", ["mps"])])
def test_only_an_accelerator_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, device: TorchDevice, waited: list[str]
) -> None:
    torch = Torch("cuda", "mps")
    monkeypatch.setitem(sys.modules, "torch", torch)
    synchronize(device)
    assert torch.waited == waited


def test_devices_have_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", Torch("cuda"))
    devices: tuple[TorchDevice, ...] = ("cpu", "cuda", "mps")
    assert [device_name(device) for device in devices] == ["cpu", "cuda (Tesla)", "mps"]


@pytest.mark.parametrize(
    ("installed", "system", "machine", "files", "seen"),
    [
        (True, "darwin", "arm64", [], True),
        (True, "darwin", "x86_64", [], False),
        (True, "linux", "x86_64", ["null", "nvidiactl"], False),
        (True, "linux", "x86_64", ["nvidia0"], True),
        (True, "linux", "x86_64", ["dxg"], True),
        (True, "linux", "x86_64", ["kfd"], True),
        (False, "linux", "x86_64", ["nvidia0"], False),
    ],
)
def test_a_machine_shows_whether_it_may_have_one(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    installed: bool,
    system: str,
    machine: str,
    files: list[str],
    seen: bool,
) -> None:
    for name in files:
        (tmp_path / name).touch()
    module = torch_accelerator.__name__
    monkeypatch.setattr(f"{module}.find_spec", lambda _name: object() if installed else None)
    monkeypatch.setattr(f"{module}.sys", SimpleNamespace(platform=system))
    monkeypatch.setattr(f"{module}.platform", SimpleNamespace(machine=lambda: machine))
    monkeypatch.setattr(f"{module}.Path", lambda _dev: tmp_path)
    assert accelerator_in_sight() is seen
    assert is_importable("torch-gpu") is seen


@pytest.mark.parametrize(
    ("written", "found"),
    [("cuda\n", True), ("some warning\nmps\n", True), ("None\n", False), ("", False)],
)
def test_another_process_is_asked_once(
    monkeypatch: pytest.MonkeyPatch, written: str, found: bool
) -> None:
    asked = []

    def answer(command: list[str], **_options: Any) -> Any:
        asked.append(command)
        return SimpleNamespace(stdout=written)

    monkeypatch.setattr(f"{torch_accelerator.__name__}.accelerator_in_sight", lambda: True)
    monkeypatch.setattr(subprocess, "run", answer)
    assert [accelerator_found(), accelerator_found()] == [found, found]
    assert len(asked) == 1


def test_a_pytorch_that_does_not_answer_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(command: list[str], **_options: Any) -> Any:
        raise subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(f"{torch_accelerator.__name__}.accelerator_in_sight", lambda: True)
    monkeypatch.setattr(subprocess, "run", never)
    assert accelerator_found() is False


def test_the_question_is_answered_by_a_real_process(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A module named torch in the current folder is not the one that is asked."""
    (tmp_path / "torch.py").write_text("raise SystemExit('cuda')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"{torch_accelerator.__name__}.accelerator_in_sight", lambda: True)
    expected = False
    if find_spec("torch") is not None:
        expected = run_python(
            "from mnist_core.benchmark.engines.torch_accelerator import find_accelerator\n"
            "print(find_accelerator())",
            "-P",
        ) != ["None"]
    assert accelerator_found() is expected


def test_what_is_missing_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    engines = "mnist_core.benchmark.engines.engine_registry"
    monkeypatch.setattr(f"{engines}.find_spec", lambda name: None if name == "torch" else object())
    assert why_unavailable("mlx") is None
    assert why_unavailable("torch-gpu") == "The engine torch-gpu is not installed."
    monkeypatch.setattr(f"{engines}.find_spec", lambda _name: object())
    monkeypatch.setattr(f"{engines}.accelerator_found", lambda: False)
    assert why_unavailable("torch") is None
    assert why_unavailable("torch-gpu") == f"The engine torch-gpu cannot be used. {NO_ACCELERATOR}"
    monkeypatch.setattr(f"{engines}.accelerator_found", lambda: True)
    assert why_unavailable("torch-gpu") is None


def test_looking_for_engines_imports_no_pytorch() -> None:
    (loaded,) = run_python(
        "import sys\n"
        "from mnist_core.benchmark.engines import engine_registry as registry\n"
        "for engine in registry.ENGINES:\n"
        "    registry.is_importable(engine), registry.why_unavailable(engine)\n"
        "print('torch' in sys.modules)"
    )
    assert loaded == "False"


@NO_TORCH
def test_an_engine_without_its_accelerator_is_a_sentence(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"{torch_accelerator.__name__}.find_accelerator", lambda: None)
    problem = Problem(make_hyperparameters({"hidden_sizes": "8"}), tiny)
    with pytest.raises(ValueError, match="neither CUDA nor Apple's Metal"):
        make_engine("torch-gpu", problem, 1, None)


@NO_TORCH
def test_the_clock_waits_for_the_device_at_both_ends(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mnist_core.benchmark.engines import engine as loop
    from mnist_core.benchmark.engines import torch_engine

    done: list[str] = []
    monkeypatch.setattr(torch_engine, "synchronize", done.append)

    def perf_counter() -> float:
        done.append("clock")
        return float(len(done))

    monkeypatch.setattr(loop, "time", SimpleNamespace(perf_counter=perf_counter))
    problem = Problem(make_hyperparameters({"hidden_sizes": "8", "batch_size": 32}), tiny)
    engine = torch_engine.TorchEngine(problem, 1)
    batches = engine._batches

    def batches_told(epoch: int) -> Iterator[tuple[int, float, int]]:
        done.append("train")
        yield from batches(epoch)

    monkeypatch.setattr(engine, "_batches", batches_told)

    engine.train_epoch()

    assert done == ["cpu", "clock", "train", "cpu", "clock"]
