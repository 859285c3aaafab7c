"""The renderer with all that is constant worked out beforehand.

`folding` makes its parameters of the published ones; `fused_render` draws, with
`fused_decoder` and `fused_layers`.
"""
