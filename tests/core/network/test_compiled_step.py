"""Compiled steps: the same bits as uncompiled ones, few kernels, and a run that never waits."""

import shutil
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from helpers.python_process import run_python
from mnist_core.backend.backend import configure
from mnist_core.backend.kernel_cache import KernelCache, install_kernel_cache
from mnist_core.data.dataset import Dataset
from mnist_core.events import BatchCompleted, CompilationFailed, RunCompleted
from mnist_core.network.learner import Learner
from mnist_core.network.parameters import initial_parameters, layer_sizes
from mnist_core.recipe.hyperparameters import Hyperparameters, make_hyperparameters
from mnist_core.training import kernel_warmup
from mnist_core.training.kernel_warmup import KernelWarmUp
from mnist_core.training.train import train

STEPS = 6
on_linux_cpu = pytest.mark.skipif(
    sys.platform != "linux" or configure().device != "cpu",
    reason="only there MLX runs a C++ compiler",
)


def recipe(**values: Any) -> Hyperparameters:
    return make_hyperparameters({"hidden_sizes": "400, 8", "batch_size": 16, **values})


def learn(
    dataset: Dataset, hyperparameters: Hyperparameters, *, compiled_from: int
) -> tuple[list[float], Learner]:
    """Losses of some batches, the last one partial; compiled from step `compiled_from` on."""
    learner = Learner(hyperparameters, dataset, dataset.train, compiled=compiled_from == 0)
    sizes = layer_sizes(dataset.input_size, hyperparameters.hidden_sizes, dataset.class_count)
    learner.load(initial_parameters(sizes, 3), None)
    losses = []
    for step in range(STEPS):
        if step == compiled_from:
            learner.compile_step()
        rows = np.arange(16 if step < STEPS - 1 else 6, dtype=np.int32) + step
        losses.append(learner.update(rows, step, 0.01)[0])
    return losses, learner


@pytest.mark.parametrize(
    "values",
    [
        {"activation": "relu"},
        {"activation": "gelu"},
        {"optimizer": "adam"},
        {"optimizer": "muon"},
        {"weight_decay": 0.01},
    ]
    + [
        pytest.param(values, marks=pytest.mark.soak)  # each has kernels to be compiled
        for values in (
            *({"activation": name} for name in ("sigmoid", "tanh", "silu", "leaky_relu")),
            *({"optimizer": name} for name in ("adamw", "rmsprop", "adagrad", "lion")),
        )
    ]
    + [{"momentum": 0.9, "weight_decay": 0.01, "label_smoothing": 0.1, "dropout": 0.3}],
    ids=str,
)
def test_compiled_and_uncompiled_steps_give_the_same_bits(
    tiny: Dataset, values: dict[str, Any]
) -> None:
    never, uncompiled = learn(tiny, recipe(**values), compiled_from=STEPS)
    midway, compiled = learn(tiny, recipe(**values), compiled_from=2)
    assert midway == never
    for left, right in zip(uncompiled.arrays(), compiled.arrays(), strict=True):
        for a, b in zip(left, right, strict=True):
            np.testing.assert_array_equal(a, b)


@on_linux_cpu
def test_changing_what_changes_now_compiles_nothing(tiny: Dataset) -> None:
    # Others may fill the folder meanwhile.
    learn(tiny, recipe(dropout=0.1, momentum=0.5), compiled_from=0)
    loaded = loaded_kernels()
    assert loaded, "a compiled step has kernels"
    for values in (
        {"dropout": 0.2, "momentum": 0.9, "learning_rate": 0.3},
        {"batch_size": 9, "pixel_scaling": "standard", "epochs": 3, "seed": 5},
    ):
        learn(tiny, recipe(**{"dropout": 0.1, "momentum": 0.5, **values}), compiled_from=0)
    assert loaded_kernels() == loaded


def loaded_kernels() -> set[str]:
    folder = install_kernel_cache().folder
    assert folder is not None
    maps = Path("/proc/self/maps").read_text()
    return {line.split()[5] for line in maps.splitlines() if str(folder) in line}


def test_a_momentum_that_begins_has_no_velocity_yet(tiny: Dataset) -> None:
    def weights(*momenta: float) -> list[NDArray[np.float32]]:
        learner = Learner(recipe(momentum=momenta[0]), tiny, tiny.train)
        sizes = layer_sizes(tiny.input_size, (400, 8), tiny.class_count)
        learner.load(initial_parameters(sizes, 3), None)
        for step, momentum in enumerate(momenta):
            learner.follow(recipe(momentum=momentum))
            learner.update(np.arange(16, dtype=np.int32), step, 0.1)
        return list(learner.parameters())

    def same(left: list[NDArray[np.float32]], right: list[NDArray[np.float32]]) -> bool:
        return all(np.allclose(a, b, atol=1e-6) for a, b in zip(left, right, strict=True))

    assert same(weights(0.9, 0.9, 0.0, 0.9), weights(0.9, 0.9, 0.0, 0.0))
    assert not same(weights(0.0, 0.9, 0.9), weights(0.0, 0.9, 0.0))


@pytest.fixture
def shared_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let child processes find the cache that this process chose when MLX was imported."""
    folder = install_kernel_cache().folder
    if folder is not None:
        cache = next(parent for parent in folder.parents if parent.name == "mnist-tui").parent
        monkeypatch.setenv("XDG_CACHE_HOME", str(cache))


@on_linux_cpu
@pytest.mark.usefixtures("shared_cache")
def test_kernels_are_made_beside_a_run_and_found_by_the_next(tiny: Dataset) -> None:
    own = {"hidden_sizes": "401, 8"}  # no other test has the kernels of these vouched for
    kernels = KernelWarmUp(recipe(**own), tiny, len(tiny.train))
    assert kernels.missing
    kernels.start()
    kernels.wait(300)
    assert kernels.finished
    assert not kernels.missing
    again = recipe(**own, learning_rate=0.5, seed=9)
    assert not KernelWarmUp(again, tiny, len(tiny.train)).missing
    assert KernelWarmUp(recipe(**own, optimizer="adam"), tiny, len(tiny.train)).missing


CHOSEN = recipe(hidden_sizes="6", activation="relu")


def make_again(dataset: Dataset) -> None:
    """Make the kernels of `CHOSEN`, of which there must not be all."""
    kernels = KernelWarmUp(CHOSEN, dataset, len(dataset.train))
    assert kernels.missing
    kernels.start()
    kernels.wait(300)
    assert not kernels.missing


def use_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(
        kernel_warmup, "install_kernel_cache", lambda: KernelCache(folder_in(cache), "")
    )


@pytest.fixture(scope="module")
def made(tiny: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of caches with the kernels of `CHOSEN` and no others."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as monkeypatch:
        use_cache(cache, monkeypatch)
        make_again(tiny)
    return cache


@on_linux_cpu
@pytest.mark.parametrize("damage", ["gone", "changed", "other version", "marker"])
def test_kernels_that_are_not_what_they_were_are_made_again(
    damage: str, made: Path, tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    use_cache(tmp_path, monkeypatch)
    assert not KernelWarmUp(CHOSEN, tiny, len(tiny.train)).missing
    before = {path: path.stat().st_size for path in tmp_path.rglob("cpu/lib*.so")}
    kernel = min(before)
    match damage:
        case "gone":
            kernel.unlink()
        case "changed":
            content = kernel.read_bytes()
            kernel.write_bytes(content[:-64] + bytes(64))
        case "marker":
            for marker in tmp_path.rglob("ready-*"):
                marker.write_text("")  # as an earlier version left it
        case "other version":
            version = metadata.version
            monkeypatch.setattr(
                metadata, "version", lambda name: "2" if name == "mnist-tui" else version(name)
            )
            assert KernelWarmUp(CHOSEN, tiny, len(tiny.train)).missing
            return
    make_again(tiny)
    assert {path: path.stat().st_size for path in tmp_path.rglob("cpu/lib*.so")} == before


def folder_in(cache: Path) -> Path:
    """Where the program keeps kernels, with this folder of caches."""
    usual = install_kernel_cache().folder
    assert usual is not None
    return cache / "mnist-tui" / "kernels" / usual.name


@on_linux_cpu
def test_a_run_makes_a_damaged_kernel_again_and_says_nothing(tmp_path: Path) -> None:
    learn = (
        "import numpy as np\n"
        "from mnist_core.data.dataset import Dataset, Examples\n"
        "from mnist_core.network.learner import Learner\n"
        "from mnist_core.network.parameters import initial_parameters\n"
        "from mnist_core.recipe.hyperparameters import make_hyperparameters\n"
        "examples = Examples(np.zeros((30, 5, 5), np.uint8), (np.arange(30) % 3).astype('u2'))\n"
        "data = Dataset('x', examples, examples, ('a', 'b', 'c'), (0, 1, 2))\n"
        "recipe = make_hyperparameters({'batch_size': 10, 'hidden_sizes': '4'})\n"
        "learner = Learner(recipe, data, examples, compiled=True)\n"
        "learner.load(initial_parameters((25, 4, 3), 0), None)\n"
        "print(learner.update(np.arange(10, dtype='i4'), 0, 0.1))\n"
        "print(learner.take_compile_failure())\n"
    )
    first = run_python(learn, XDG_CACHE_HOME=tmp_path)
    kernels = list(tmp_path.rglob("cpu/lib*.so"))
    assert kernels
    for kernel in kernels:
        content = kernel.read_bytes()
        kernel.write_bytes(content[:16] + bytes(24) + content[40:])
    assert run_python(learn, XDG_CACHE_HOME=tmp_path) == first
    assert first[1] == "None"


@on_linux_cpu
@pytest.mark.usefixtures("shared_cache")
def test_a_module_of_the_current_folder_is_not_taken_for_pythons_own(
    tiny: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "random.py").write_text("open('executed', 'w').close(); raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    kernels = KernelWarmUp(recipe(hidden_sizes="7"), tiny, len(tiny.train))
    kernels.start()
    kernels.wait(300)
    assert not (tmp_path / "executed").exists()
    assert not kernels.missing


@on_linux_cpu
def test_making_kernels_can_be_given_up_at_any_time(tiny: Dataset) -> None:
    kernels = KernelWarmUp(recipe(optimizer="muon"), tiny, len(tiny.train))
    kernels.start()
    kernels.close()
    assert not kernels.finished
    kernels.close()


@on_linux_cpu
def test_a_run_whose_kernels_cannot_be_compiled_says_so_and_goes_on(tmp_path: Path) -> None:
    broken = tmp_path / "g++"
    # It answers when asked for its version, as MLX does first, and then fails.
    broken.write_text(
        "#!/bin/sh\n"
        f'[ "$1" = --version ] && exec touch "{tmp_path}/asked"\n'
        'echo "error: no memory"\nexit 1\n'
    )
    broken.chmod(0o755)
    asked, *lines = run_python(
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from mnist_core.data.dataset import Dataset, Examples\n"
        "from mnist_core.events import CompilationFailed\n"
        "from mnist_core.recipe.hyperparameters import make_hyperparameters\n"
        "from mnist_core.training.kernel_warmup import KernelWarmUp\n"
        "from mnist_core.training.train import train\n"
        # The run waits for the kernels, however long they take beside it.
        "KernelWarmUp.finished = property(lambda kernels: kernels.wait(280) is None)\n"
        "images = np.random.default_rng(0).integers(0, 255, (30, 5, 5), np.uint8)\n"
        "examples = Examples(images, (np.arange(30) % 3).astype(np.uint16))\n"
        "data = Dataset('x', examples, examples, ('a', 'b', 'c'), (0, 1, 2))\n"
        "recipe = make_hyperparameters({'batch_size': 10, 'epochs': 1})\n"
        "run = train(recipe, data)\n"
        "next(run)\n"
        # Who asks ignores SIGINT until it has the answer.
        f"print(Path('{tmp_path}/asked').exists())\n"
        "failed = next(event for event in run if isinstance(event, CompilationFailed))\n"
        "print(failed.message)\n"
        "print(type(next(run)).__name__)\n"
        "run.close()\n",
        PATH=f"{tmp_path}:/usr/bin:/bin",
        XDG_CACHE_HOME=tmp_path / "cache",
    )
    assert asked == "True"
    assert "no memory" in lines[0]
    assert "Check that g++ works" in lines[0]
    assert lines[1] == "BatchCompleted"


def test_a_finished_run_leaves_no_failure_behind(tiny: Dataset) -> None:
    events = list(train(recipe(epochs=2), tiny))
    assert isinstance(events[-1], RunCompleted)
    assert not any(isinstance(event, CompilationFailed) for event in events)
    assert sum(isinstance(event, BatchCompleted) for event in events) == 10


def test_an_update_begun_ahead_is_taken_or_dropped_and_never_seen(
    tiny: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[int] = []
    begin = Learner._begin

    def counted(self: Learner, rows: NDArray[np.int32], step: int, *rest: Any) -> Any:
        begun.append(step)
        return begin(self, rows, step, *rest)

    monkeypatch.setattr(Learner, "_begin", counted)

    def trained(then: list[tuple[int, float]] | None) -> list[NDArray[np.float32]]:
        begun.clear()
        learner = Learner(recipe(dropout=0.2), tiny, tiny.train)
        sizes = layer_sizes(tiny.input_size, (400, 8), tiny.class_count)
        learner.load(initial_parameters(sizes, 3), None)
        rows = [np.arange(16, dtype=np.int32) + first for first in range(6)]
        for step in range(4):
            ahead = None if then is None else (rows[then[step][0]], then[step][1])
            if step == 2:
                learner.follow(recipe(dropout=0.1))
            learner.update(rows[step], step, 0.1, ahead)
        learner.rest()
        return [*learner.arrays()[0], *learner.arrays()[1]]

    alone = trained(None)
    assert begun == [0, 1, 2, 3]
    # The third is begun again, since dropout is another one by then, and nothing comes after.
    foreseen = trained([(1, 0.1), (2, 0.1), (3, 0.1), (4, 0.1)])
    assert begun == [0, 1, 2, 2, 3, 4]
    # Other rows, and another rate.
    surprised = trained([(5, 0.1), (2, 0.1), (3, 0.2), (4, 0.1)])
    assert begun == [0, 1, 1, 2, 2, 3, 3, 4]
    for found in (foreseen, surprised):
        for left, right in zip(found, alone, strict=True):
            np.testing.assert_array_equal(left, right)
