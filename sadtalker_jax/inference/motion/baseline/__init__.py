"""The motion that ships: lips follow loudness, voicing and spectrum.

`speech` measures the sound, `lips` turns that into expressions of the mouth,
`baseline_motion` adds eyes and head.
"""
