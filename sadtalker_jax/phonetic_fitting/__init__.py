"""The weights of the `phonetic` lips, made anew; an offline tool.

Speech is made by synthesisers that say when which phone sounds: `kokoro` (with
`kokoro_files`), `flite` and `festival`, of `texts`, spelt by `spelling` and
`ipa`; `making` writes it as records. `sadtalker train` learns from those, and
`weights` keeps what was learned. `targets` fits what phones do to lips, which
is learned, to clips of talkers. `scores` says how good it is.
"""
