"""The report of a run: `content` (metrics.json), `tables`, `page`, `output`.

`page` is drawn with `plots`, `sheets` and `traces`; `published` has the paper's
numbers.
"""
