"""Who can take part in a race of each task, what sets them apart, and how each is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from mnist_core.benchmark.engines.engine_registry import ENGINES, EngineName, is_importable
from mnist_core.benchmark.race import TaskName
from mnist_core.benchmark.regression import FORMS
from mnist_tui.charts.plot import LineStyle
from mnist_tui.lab.overlay import Look

_ENGINE_WORDS: Mapping[EngineName, str] = {
    "mlx": "this program's own training",
    "mlx-stock": "the published MLX loop on the BLAS of MLX's wheel; on a CPU it can take a minute "
    "an epoch",
    "numpy": "backpropagation by hand in NumPy",
    "torch": "PyTorch on the CPU",
    "torch-gpu": "PyTorch on the GPU",
}

LOOKS: Mapping[str, Look] = {
    "mlx": Look("$primary", "●"),
    "mlx-fast": Look("$primary", "●"),
    "numpy": Look("$accent", "■", LineStyle.DASHED),
    "numpy-float64": Look("$accent", "■", LineStyle.DASHED),
    "torch": Look("#9a7fe0", "◆", LineStyle.DOTTED),
    "torch-gpu": Look("#d16ba5", "★"),
    "mlx-stock": Look("#1fa39a", "▲", LineStyle.DASHED),
    "mlx-like": Look("#d16ba5", "★"),
    "mlx-published": Look("#7a9e2f", "▼", LineStyle.DOTTED),
    "numpy-float32": Look("#b8901c", "✚", LineStyle.DOTTED),
}
"""No two in one race share a sign, so that nobody is told apart by colour alone."""

_SLOW = ("mlx-stock", "mlx-like")
"""Those that everyone would wait for; on a CPU mlx-stock can take a minute an epoch."""

_OTHER_LOOK = Look("$foreground", "○")


@dataclass(frozen=True, slots=True)
class Entrant:
    """Somebody who could take part."""

    name: str
    words: str
    """What is special about it, for people."""
    problem: str
    """Why it cannot take part here, in two or three words; empty: it can."""
    is_usual: bool
    """Whether it takes part unless a person decides otherwise."""


def entrants_of(task: TaskName) -> tuple[Entrant, ...]:
    """Everyone in the order of their turns; answers at once and imports no engine."""
    if task == "mlp":
        return tuple(_entrant(engine, engine, _ENGINE_WORDS[engine]) for engine in ENGINES)
    return tuple(_entrant(form, details.engine, details.words) for form, details in FORMS.items())


def look_of(entrant: str) -> Look:
    """How its curve is drawn; one of another version gets a look too."""
    return LOOKS.get(entrant, _OTHER_LOOK)


def _entrant(name: str, engine: EngineName, words: str) -> Entrant:
    problem = "" if is_importable(engine) else _why_not(engine)
    return Entrant(name, words, problem, is_usual=name not in _SLOW and not problem)


def _why_not(engine: EngineName) -> str:
    return "no GPU found" if engine == "torch-gpu" and find_spec("torch") else "not installed"
