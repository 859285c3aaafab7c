"""The paper's evaluation: folders of videos in, tables out.

How to use it and what it computes: docs/evaluation.md. `clips` reads real and
generated videos into shared crops, `measures` and `registry` say what is
measured, `runner` goes over all clips, `statistics` and `spread` make values
and intervals of them, `report`, `tables` and `page` write them down.
"""
