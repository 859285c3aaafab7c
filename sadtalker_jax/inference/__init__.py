"""From a portrait and a recording to a talking video.

Rooms: `motion` (a recording becomes a track), `puppet` and `neural` (renderers:
a portrait and a track become frames), `footage` (a video gets another voice),
`enhance` (frames restored), `batch` (many animations in one go). Beside them:
`pipeline` (the public `Animator`), `registry` (motions and renderers by name),
`options`, `bundle`, `portrait`, `tracks`, `rendering` (frames of many clips by
the batch), `geometry_video`.
"""
