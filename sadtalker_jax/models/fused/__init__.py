"""The renderer with everything constant computed beforehand.

`folding` makes its parameters from the published ones; `fused_render` renders,
with `fused_decoder` and `fused_layers`.
"""
