"""Metrics of clips, each with the networks it needs.

`metric` says what a metric is, `registry` lists all; `of_faces`, `of_networks`
and `of_pictures` have them by what they look at.
"""
