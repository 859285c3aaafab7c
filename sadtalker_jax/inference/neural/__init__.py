"""The renderer of the paper: keypoints, dense motion, a generator.

`face_finders` finds the landmarks of a `neural_portrait`; `neural_renderer`
loads the networks, `neural_drawer` draws with them, and `exported` writes them
as programs that run without this package.
"""
