"""Motions: a recording becomes a track of coefficients.

Rooms: `baseline` (no weights but its own), `learned` (ExpNet and PoseVAE).
Beside them: `head_motion` and `blinks`, drawn at random, `reference_videos`
(tracks measured in videos).
"""
