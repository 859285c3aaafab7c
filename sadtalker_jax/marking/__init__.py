"""Where generated video comes from: marks, words, signatures; their detector.

`payloads` is what the invisible mark says, `codes` protects it, `patterns` lays
it out on a canvas by a key, `canvases` brings pictures onto that canvas,
`embedding` adds the mark to frames and `detection` finds it again, by
`correlation` with known patterns and by `windows` in larger frames.
`statements` are words in files. `signing` and `signatures` are Content
Credentials by way of `credentials`. `files` looks for all three in a file.
"""
