"""Fitting of a face model to landmarks and pictures.

`landmark_fit` (with `landmark_solver` and `landmark_terms`) fits landmarks,
`photometric` (with its solver and terms) whole pictures; `priors` has the prior
deviations and weights of both.
"""
