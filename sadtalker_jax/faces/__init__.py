"""Faces in pictures: detection, landmarks, tracking, crops, coefficients.

Detectors: `detector` (with `blazeface`, `tiles`) ships, `retinaface` needs
converted weights. Landmarks: `landmarks` (with `mesh`) ships, `fan` needs
converted weights; `tracking` and `steady` follow a face through frames, `shots`
finds cuts. Crops: `crop` (of the published program), `warp` (turned squares),
`aligned` (FFHQ squares and back), `syncnet_view`. `recon` makes coefficients of
a face model, `graph` runs the networks stored in `data`. All but `aligned` and
the networks run on the host. Pictures are uint8 [H, W, 3] RGB; points (x, y) in
pixels, y down.
"""
