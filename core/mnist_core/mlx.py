"""MLX, imported the one allowed way: with the fast BLAS in place first.

MLX binds its BLAS when `mlx.core` is imported and silently keeps that choice, so no other module
may import it (the linter holds this). That is also why this module does work when imported.

Raises:
    BackendMissing: on import, as a sentence, when MLX has no usable back end here.
"""

from mnist_core.blas import install_blas
from mnist_core.installation import BackendMissing, check_installation, explain_import_error_here

check_installation()
install_blas()
try:
    import mlx.core as mx
    import mlx.nn as nn
except ImportError as error:
    raise BackendMissing(explain_import_error_here(error)) from error

__all__ = ["mx", "nn"]
