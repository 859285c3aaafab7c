"""Makes the reduced parity set in `tests/testdata/parity` from the whole one.

    python -m tests.parity.make_reduced ../shared/parity

Inputs are kept, of some only the first example; of answers at most 256 numbers,
at places that follow from the key, and their standard deviation. Files stay
below a megabyte. Formulas and geometry have test data of their own.
"""

import gzip
import pathlib
import sys

import numpy as np

from tests.parity import standin, store

# Groups whose first example is enough.
_FIRST = (
  'recon/',
  'image224',
  'wav2lip/',
  'syncnet/',
  'hopenet/',
  'lipreader_lrw/',
  'inception_fid/in/image256',
  'inception_fid/out/pool3_of_256',
)
_LEFT_OUT = (
  *('fid/', 'cpbd/', 'lse/', 'beat/', 'psnr_ssim/', 'mfcc/', 'landmark_peaks/'),
  'retinaface_nms/',
)
_BYTES = 950_000  # most that a file may have


def main(whole: pathlib.Path) -> None:
  """Writes the set."""
  standin.FOLDER.mkdir(parents=True, exist_ok=True)
  text = (whole / 'manifest.json').read_bytes()
  packed = gzip.compress(text, 9, mtime=0)
  (standin.FOLDER / 'manifest.json.gz').write_bytes(packed)
  files: list[dict[str, np.ndarray]] = [{}]
  room = _BYTES
  for name in ('golden', 'golden_experts', 'golden_restoration'):
    with np.load(whole / f'{name}_seed0.npz') as arrays:
      for key in arrays.files:
        if key.startswith(_LEFT_OUT):
          continue
        array = arrays[key]
        if key.startswith(_FIRST):
          array = array[:1]
        entries = {key: array}
        if '/out/' in key:
          entries = store.reduced(key, array)
        size = sum(_packed(a) for a in entries.values())
        if size > room:
          files.append({})
          room = _BYTES
        files[-1].update(entries)
        room -= size
  for old in standin.FOLDER.glob('*.npz'):
    old.unlink()
  for i, entries in enumerate(files):
    np.savez_compressed(standin.FOLDER / f'reduced_{i}.npz', **entries)


def _packed(array: np.ndarray) -> int:
  """Bytes that an array will take, nearly."""
  return len(gzip.compress(array.tobytes(), 6)) + 300


if __name__ == '__main__':
  main(pathlib.Path(sys.argv[1]))
