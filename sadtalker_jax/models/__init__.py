"""Every network as a Flax Linen module; the only importer of `flax.linen`.

Rooms: `sadtalker` (networks between sound, coefficients and keypoints),
`facevid2vid` (the renderer's networks as published), `fused` (the same renderer
with everything constant computed beforehand), `experts` (frozen networks of
losses, metrics and restoration), `layers` (shared by them). `zoo` names all.
"""
