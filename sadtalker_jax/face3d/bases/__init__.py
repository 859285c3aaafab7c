"""Face models: what a vector of coefficients means.

`morphable` is the model itself; `makehuman` loads the one that ships, `bfm` and
`ict` those that their owners license.
"""
