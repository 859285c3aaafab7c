"""Files of pictures, sound and video: reading and writing.

`image`, `audio` and `video` are for callers; `containers`, `decoder`, `encoder`
and `resampling` are their parts, which use FFmpeg through PyAV. `files` checks
paths and writes files whole or not at all, `blend` pastes frames into pictures.
Pictures are uint8 [H, W, 3] RGB, sizes (width, height).
"""
