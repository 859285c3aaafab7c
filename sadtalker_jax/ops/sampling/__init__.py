"""Sampling of pictures and volumes at given places, and shifts of volumes.

`grid_sample` is the entrance; `cells`, `neighbours`, `cell_gradients` and
`place_gradients` are its parts. `grids` makes the places that keypoints lead
to; `shifting` moves whole volumes, on CPU with `banded` and `banded_plan`.
"""
