"""The paper's evaluation: folders of videos in, tables out.

How to use it and what it computes: docs/evaluation.md.

Modules: `clips` reads a pair of videos into shared crops, `measures*` say what is
measured on them, `runner` goes over all clips, `statistics` and `spread` make
values and intervals of them, `report`, `tables` and `page` write them down.
"""
