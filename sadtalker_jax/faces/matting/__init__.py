"""A person cut out of a picture, and the picture without that person.

`person` is the way in; `regions` says which pixels are whose, and `hair` which
are of hair that hangs, by `mixtures` of what pixels look like; `backdrop` fills
in what the person hides. None needs a network.
"""
