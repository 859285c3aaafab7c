"""Layers and blocks that networks share.

`basic` (layers that differ from Linen's own), `blocks` (of the renderer),
`audio_encoder`, `resnet`, `pictures` (normalisation of whole pictures).
"""
