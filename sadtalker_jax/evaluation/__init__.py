"""The paper's evaluation: folders of videos in, tables out.

Rooms: `measures` (metrics of clips, each with what it needs), `statistics`
(intervals, comparisons, distances of sets), `report` (tables, page, files).
Beside them: `protocol` (rules of a test), `pairing`, `videos`, `clips`,
`generation` (a test made into jobs), `runner`, `scoring` (pairs to a report).
"""
