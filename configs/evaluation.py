"""Tests of talking heads: which clips, how long, how cut (method 9, method 10).

    python -m sadtalker_jax.cli.evaluate --protocol configs/evaluation.py \
      --real HDTF/ --generated MINE/ --bundle EXPERTS/ --output scores/

Variants: `:hdtf` (the default, the paper's), `:voxceleb`, `:folder` (a folder
of one's own, all of each clip), `:cropped` (clips that are crops already).
"""

import ml_collections


def get_config(name: str | None = None) -> ml_collections.ConfigDict:
  """The rules of a test; fields as in `evaluation.protocol`.

  Raises:
    ValueError: there is no such test.
  """
  if name not in (None, *_TESTS):
    raise ValueError(
      f'protocol: expected one of {sorted(_TESTS)}, found {name!r}'
    )
  c = ml_collections.ConfigDict()
  c.name = name or 'hdtf'
  c.size = 256
  c.crop = 'face'
  c.margin = 0.1  # of FOMM's video preprocessing, the longer side's share
  c.tolerance = 5  # frames
  c.update(_TESTS[c.name])
  return c


def get_test_config() -> ml_collections.ConfigDict:
  """Small crops of what there is, for tests."""
  c = get_config('folder')
  c.size = 128
  return c


_TESTS = {
  # Table 1 of the paper: 346 videos of HDTF, the first 8 s of each, cropped as
  # FOMM does, 256 x 256; first frame and own sound drive.
  'hdtf': {
    'seconds': 8.0,
    'clips': 346,
    'source': 'SadTalker, CVPR 2023, section 4.1; HDTF, CVPR 2021',
  },
  # Speakers id10270 to id10309 of VoxCeleb1, the test split of FOMM's
  # preprocessing; how many clips that gives depends on what can be had.
  'voxceleb': {
    'seconds': 8.0,
    'source': 'VoxCeleb1 speakers id10270-id10309, FOMM video-preprocessing',
  },
  'folder': {'source': 'a folder of videos'},
  'cropped': {'crop': 'whole', 'source': 'a folder of square crops'},
}
