"""Loss terms: pure functions on arrays, networks arrive as callables."""
