"""The motion of the paper: ExpNet for expressions, PoseVAE for head poses.

`sound_windows` are their inputs, `chunks` runs them over clips of any length,
`learned_motion` makes tracks with them.
"""
