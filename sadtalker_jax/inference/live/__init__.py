"""Animation while the sound arrives: samples in, frames and their sound out.

`sound_queue` keeps the clock, which is the sound; `hearing` knows of it what is
known so far, `gestures` move all but the mouth without end, `causal_motion`
makes of both the row of one frame; `core` draws it; `session` is the
asynchronous face of it, `animator.stream`.
"""
