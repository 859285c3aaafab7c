"""The work on one clip: cut out, measured, judged, described.

`clips` does it, with `region` (which square), `sound`, `sync`, `features`
(coefficients and the like), `quality`, `signatures` (duplicates) and `teacher`.
"""
