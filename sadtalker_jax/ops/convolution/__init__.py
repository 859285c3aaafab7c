"""Convolutions in forms that are quick where they run.

`conv` has 2-D and 3-D ones, `phases` those after a doubling of pixels,
`winograd` (with `winograd_schemes`) those with fewer products.
"""
