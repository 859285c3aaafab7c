"""The motion that ships: lips follow the phones that are heard.

`hearing` applies LipNet to sound, `mouth` makes lips of what it hears, at any
frame rate, `shapes` makes expression units of those, and `phonetic_motion` puts
them on the eyes, brows and head of the `baseline`.
"""
