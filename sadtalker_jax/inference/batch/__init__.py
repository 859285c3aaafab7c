"""Many animations in one run.

`manifest` lists them, `jobs` makes them, `encoding` finishes and writes the
video of each one.
"""
