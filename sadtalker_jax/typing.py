"""Type names that the whole package shares."""

from typing import Any, TypeAlias

import jax
import numpy as np

Array: TypeAlias = jax.Array | np.ndarray
PRNGKey: TypeAlias = jax.Array
PyTree: TypeAlias = Any
