"""Clips with known coefficients, drawn instead of filmed; an offline tool.

`clips` makes records of them, with `drawing`, `heads` (random people), `voices`
(random pieces of speech) and `writing`.
"""
