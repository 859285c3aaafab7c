"""Networks that are not trained together with the animation, mostly frozen.

Lip sync: `wav2lip`, `syncnet` (its expert), `syncnet_v2` (the metric's),
`lipreader`. Faces: `retinaface`, `landmarks`, `arcface`, `hopenet`. Pictures:
`vgg`, `inception`, `lpips`, `gfpgan` on `stylegan`.
"""
