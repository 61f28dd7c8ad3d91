"""MLX, imported the one allowed way: with the fast BLAS and the kernels' folder in place first.

MLX binds its BLAS when `mlx.core` is imported and silently keeps that choice, and it executes what
it finds in the kernels' folder, so no other module may import it (the linter holds this). That is
also why this module does work when imported.

Raises:
    BackendMissing: on import, as a sentence, when MLX has no usable back end here.
"""

from mnist_core.backend.installation import (
    BackendMissing,
    check_installation,
    explain_import_error_here,
)
from mnist_core.backend.kernel_cache import install_kernel_cache
from mnist_core.backend.openblas import install_blas

check_installation()
install_blas()
try:
    import mlx.core as mx
    import mlx.nn as nn
except ImportError as error:
    raise BackendMissing(explain_import_error_here(error)) from error
if install_kernel_cache().reason:
    mx.disable_compile()

__all__ = ["mx", "nn"]
