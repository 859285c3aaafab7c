"""The renderer of the paper: keypoints, dense motion, a generator."""
