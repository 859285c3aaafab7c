"""What a compiler makes of the programs for a device that is not here.

`sadtalker bench compile` prints it: `devices` describes devices, `programs`
compiles for them, `hlo` reads what came out, and `roofline` sums it up.
"""
