"""3-D morphable face models: shape, pose, light, rasterization, fitting.

Rooms: `bases` (face models and their loaders), `rasterize` (triangles to
pixels, with gradients), `fitting` (landmarks and pictures to coefficients).
Beside them: `coeffs` (layouts of coefficient vectors), `camera`, `lighting`,
`alignment`, `renderer` (coefficients to pictures), `regions`, `measures`.
"""
