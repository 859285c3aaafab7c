"""The renderer that needs no network: the photo itself is posed.

`fitted_portrait` (face and window of a picture) becomes a `rig`, made of
`fitted_head`, `sheet` (the surroundings), `mouth` and `lids`; `puppet_renderer`
draws frames of it with `drawing` and `openings`.
"""
