"""Type names that the whole package shares."""

from typing import Any, TypeAlias

import jax
import numpy as np

Array: TypeAlias = jax.Array | np.ndarray
Dtype: TypeAlias = Any  # what numpy and jax take for a type of numbers
PRNGKey: TypeAlias = jax.Array
PyTree: TypeAlias = Any
# {'params': {...}, 'batch_stats': {...}}: what Linen modules are applied to.
Variables: TypeAlias = dict[str, Any]
