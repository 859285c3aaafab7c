"""The report of a run: `content` (metrics.json), `tables`, `page`, `output`.

`page` is drawn with `plots` and `sheets`; `published` has the paper's numbers.
"""
