"""Networks of the face-vid2vid renderer as published.

`keypoints` (canonical keypoints, head pose), `dense_motion` on its `hourglass`,
`generator` with `appearance` and its decoders `spade` and `plain_decoder`,
`discriminators`; `render` combines them.
"""
