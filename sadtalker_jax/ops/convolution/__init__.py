"""Convolutions in forms that are quick on CPU.

`conv` has 2-D and 3-D convolutions, `phases` those of maps whose pixels are
repeated, `winograd` (with `winograd_schemes`) those with fewer products.
"""
