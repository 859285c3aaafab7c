"""Networks of SadTalker: sound to coefficients, coefficients to keypoints.

`expnet`; `posevae` with its `resunet` and `pose_discriminator`; `mapping`
(MappingNet); `recon` (pictures to coefficients).
"""
