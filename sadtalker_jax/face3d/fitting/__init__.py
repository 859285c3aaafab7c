"""From what is seen to the coefficients of a face model.

`landmark_fit` (with `landmark_solver` and `landmark_terms`) fits landmarks,
`photometric` (with its solver and terms) whole pictures; `priors` says what is
likely before anything is seen.
"""
