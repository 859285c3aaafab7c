"""An invisible mark in generated video, and its detector.

`payloads` is what a mark says, `codes` protects it, `patterns` lays it out on a
canvas by a key, `canvases` brings pictures onto that canvas, `embedding` adds
the mark to frames and `detection` finds it again; `files` reads files for it.
"""
