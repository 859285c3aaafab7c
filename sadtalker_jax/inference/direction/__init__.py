"""What people prescribe, over what a motion makes of the sound.

Rooms: `keyframes` (files that say what holds when), `directing` (emotions,
gaze, poses and scale, written into tracks). `inference.emotions` has the units.
"""
