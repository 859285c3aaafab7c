"""Files of pictures, sound and video: reading and writing.

`image`, `audio` and `video` are for callers; `recordings` says which sound of a
file is meant, `samples` checks sound in memory, `limits` has the limits of all
numbers. The other modules are their parts, which use Pillow, and FFmpeg through
PyAV. `files` checks paths and writes files whole or not at all, `blend` pastes
frames into pictures.
Pictures are uint8 [H, W, 3] RGB, sizes (width, height).
"""
