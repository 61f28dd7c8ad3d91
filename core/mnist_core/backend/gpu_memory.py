"""What MLX keeps in the memory of the GPU."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GpuMemory:
    """In bytes."""

    used: int
    """By the arrays of this process."""
    total: int | None
    """None: the device does not tell."""


def gpu_memory() -> GpuMemory:
    """What MLX's allocator says now, from any thread: it counts, and waits for no computation."""
    from mnist_core.backend.mlx import mx

    device = mx.device_info(mx.Device(mx.gpu))
    # What Metal and CUDA call it.
    total = device.get("memory_size", device.get("total_memory"))
    return GpuMemory(mx.get_active_memory(), int(total) if total is not None else None)
