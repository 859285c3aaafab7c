"""Motions: a recording becomes a track of coefficients.

Rooms: `baseline` (ships with the package), `learned` (ExpNet and PoseVAE of a
bundle). Beside them: `head_motion` and `blinks`, drawn at random, and
`reference_videos` (tracks measured in videos).
"""
