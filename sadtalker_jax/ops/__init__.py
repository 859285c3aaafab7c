"""Pure functions on arrays: no networks, no configuration, no files.

Rooms: `sampling` (values of pictures and volumes at places, and shifts of
volumes), `convolution` (forms of convolutions that are quick on CPU).
Beside them: features of sound (`mel`, `mfcc`), smoothing along time (`filters`,
`whittaker`), `keypoints`, `rotation`, `resize`, `box_qp`, one function with two
forms by device (`backends`) and counting of multiplications (`products`).
"""
