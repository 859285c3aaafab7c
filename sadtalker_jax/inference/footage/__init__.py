"""A video as the source: its mouths say another recording, all else stays.

`following` finds shots and faces (first pass), `resting` the mouth to begin
from, `shot_rig` (with `inside`) what a shot is drawn with, `footage_drawer`
(with `mouth_drawing`) draws the frames (second pass), which `frame_order`
reads. `footage` puts them together, a `footage_portrait` is the clip in the
place of a portrait.
"""
