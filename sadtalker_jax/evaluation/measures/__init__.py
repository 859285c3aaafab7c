"""Metrics of clips, each with the networks it needs.

`metric` defines what a metric is, `registry` lists all and takes further ones;
`of_faces`, `of_speech`, `of_networks` and `of_pictures` have them by what they
look at, with `experts` (networks of a bundle), `views`, `heads` and `offsets`
to help.
"""
