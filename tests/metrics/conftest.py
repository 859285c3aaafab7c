"""Stored results of the programs that define the metrics.

`testdata/metrics.npz` holds the groups fid, cpbd, lse, beat, psnr_ssim of the
parity set and three embeddings of arcface as they are; `edges`: two pictures,
what scikit-image 0.26 (Canny) and the public CPBD code find in them; `onsets`:
a sound and what librosa 0.11 finds. Keys are '<group>/in/<name>' and
'<group>/out/<name>'.
"""

import pathlib

import numpy as np
import pytest


@pytest.fixture(scope='session')
def golden(testdata: pathlib.Path) -> dict[str, np.ndarray]:
  with np.load(testdata / 'metrics.npz') as stored:
    return dict(stored)
