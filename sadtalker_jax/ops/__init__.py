"""Pure functions on arrays: no networks, no configuration, no files.

Rooms: `sampling` (values of pictures and volumes at places, and shifts of
volumes), `convolution` (forms of convolutions that are quick where they run).
Beside them: sound features (`mel`, `mfcc`), smoothing along time (`filters`,
`whittaker`), `keypoints`, `rotation`, `resize`, `box_qp`, forms by backend
(`backends`) and counting of products (`products`).
"""
