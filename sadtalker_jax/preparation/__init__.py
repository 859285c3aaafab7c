"""From raw video to records that training reads; see docs/guides/data.md.

Rooms: `input` (videos, faces, shots), `clip` (the work on one clip), `run` (the
work on a folder of videos, on one machine or many), `inspection` (records
looked at and checked). Beside them: `options`, `experts` (networks that
measure), `parts` (what the work on one video gives), `rejects`, `clock`.
"""
