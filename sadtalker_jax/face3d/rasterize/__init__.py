"""Triangles to pixels, and gradients back.

`rasterizer` is the entrance. `visibility_*` find the triangle of every pixel
and `shading_*` interpolate, each in a form for its backend (`backends`);
`silhouette` has the gradients of moving contours; `work_items`, `compaction`
and `varying` are shared parts.
"""
