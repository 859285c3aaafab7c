"""Animation while the sound arrives: samples in, frames and their sound out.

`sound_queue` keeps the clock, which is the sound. A `voice.Voice` knows of it
what is known so far (`hearing`, `baseline_voice`); `speaking_face` makes rows
of that and of `gestures`, which move all but the mouth without end, and
`learned_face` makes rows by the networks of a bundle. `causal_motion` hands
sound to a face and asks for rows; `core` draws them; `session` is the
asynchronous face of it, `animator.stream`; `opening` puts all together.
"""
