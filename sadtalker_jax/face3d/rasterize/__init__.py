"""Rasterization of triangles, and its gradients.

`rasterizer` is the entrance. `visibility_*` find the triangle of every pixel
and `shading_*` interpolate, each in a form for its backend (`backends`);
`silhouette` (with `border_motion`) has the gradients of moving contours;
`work_items`, `compaction` and `varying` are shared parts.
"""
