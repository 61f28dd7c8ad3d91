"""The accelerator that PyTorch computes on beside the CPU, if there is one.

PyTorch takes seconds to import, so it is imported by no more than those functions that ask it.
"""

import platform
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from mnist_core.backend.python_process import python_command

Accelerator = Literal["cuda", "mps"]
"""As PyTorch names them: a GPU of NVIDIA or AMD, and that of Apple silicon through Metal."""

TorchDevice = Literal["cpu"] | Accelerator

NO_ACCELERATOR = "PyTorch finds no accelerator here, neither CUDA nor Apple's Metal (MPS)."

_DEVICE_FILES = ("nvidia[0-9]*", "dxg", "kfd")
"""In /dev: those of NVIDIA's driver, of GPUs under WSL, and of AMD's driver."""

_PATIENCE = 120
"""Seconds for importing PyTorch from a slow disk."""


def find_accelerator() -> Accelerator | None:
    """What PyTorch finds; imports it into this process.

    Raises:
        ImportError: PyTorch cannot be imported.
    """
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


def accelerator_in_sight() -> bool:
    """Whether PyTorch is installed and the machine looks as if it had one; answers at once."""
    if find_spec("torch") is None:
        return False
    if sys.platform == "darwin":
        return platform.machine() == "arm64"
    return any(next(Path("/dev").glob(name), None) is not None for name in _DEVICE_FILES)


@cache
def accelerator_found() -> bool:
    """Whether PyTorch finds one; a process of its own asks it, which may take seconds once."""
    if not accelerator_in_sight():
        return False
    question = f"from {__name__} import find_accelerator; print(find_accelerator())"
    try:
        answer = subprocess.run(
            python_command(question),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return False
    return answer.stdout.split()[-1:] in (["cuda"], ["mps"])


def device_name(device: TorchDevice) -> str:
    """For people: the kind of device, and its model where PyTorch knows it."""
    import torch

    return f"cuda ({torch.cuda.get_device_name()})" if device == "cuda" else device


def synchronize(device: TorchDevice) -> None:
    """Wait until all that was asked of the device is done; a CPU has done it already."""
    import torch

    match device:
        case "cuda":
            torch.cuda.synchronize()
        case "mps":
            torch.mps.synchronize()
