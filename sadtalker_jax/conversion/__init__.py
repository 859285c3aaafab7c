"""Published weights and models of others into the arrays of this package.

Weights: `sources` (which files a bundle is made of), `torch_files` (their
tensors), `released` (which file holds which networks), `tables` (names of
tensors, by family), `rules` and `layouts` (the engine), `reading` and
`bundling` (files to bundles), `noise`. `makehuman` built the head that ships.
"""
