"""MLX, imported the one allowed way: with the fast BLAS in place first.

MLX binds its BLAS when `mlx.core` is imported and silently keeps that choice, so no other module
may import it (the linter holds this). That is also why this module does work when imported.
"""

from mnist_core.backend import install_blas

install_blas()

import mlx.core as mx  # noqa: E402
import mlx.nn as nn  # noqa: E402

__all__ = ["mx", "nn"]
