"""A video as the source: its mouths say another recording, all else stays.

`following` finds shots and one face (first pass), `people` all of them and who
is who, `resting` the mouth to begin from, `person` makes portraits of that,
`shot_rig` (with `inside`) is what a shot is drawn with, `footage_drawer` (with
`mouth_drawing`) draws the frames (second pass), which `frame_order` reads, and
`people_drawer` those of several people. A `revoiced` clip keeps drawn frames
(`kept`) until its video is complete. `footage` puts them together, a
`footage_portrait` is the clip in the place of a portrait, `people_sheet` shows
who has which number.
"""
