"""Stand-in weights: every tensor drawn from its name, its shape and a seed.

The same numbers as `weights.py` of the whole parity set, for where that is
absent. Shapes come from the manifest in `tests/testdata/parity`. numpy only.
"""

import functools
import gzip
import json
import pathlib
import re
import zlib

import numpy as np

FOLDER = pathlib.Path(__file__).resolve().parent.parent / 'testdata' / 'parity'

# The trunk of RRDBNet grows by 1.2 a block whatever its weights: so do biases.
_RRDB = (
  (r'body\..*\.conv5\.weight', 3.0),
  (r'body\.\d\..*\.bias', 4.0),
  (r'body\.1\d\..*\.bias', 30.0),
  (r'body\.2\d\..*\.bias', 100.0),
  (r'conv_body\.weight', 0.012),
  (r'conv_last\.weight', 0.6),
)

# Factors on top of the draw, by group and pattern of the name; first match
# wins. They keep activations in range where sums grow with depth.
_GAINS: dict[str, tuple[tuple[str, float], ...]] = {
  'syncnet_v2': (
    (r'netcnnlip\.0\.weight', 1 / 100),
    (r'netcnnaud\.0\.weight', 1 / 10),
  ),
  'hopenet': ((r'layer\d\.\d+\.bn3\.weight', 0.25),),
  'inception_fid': ((r'.*\.conv\.weight', 1.15),),
  'arcface_r50': ((r'layer\d\.\d+\.bn3\.weight', 0.25),),
  'lipreader_lrw': ((r'trunk\.layer\d\.\d+\.bn2\.weight', 0.5),),
  'fan_wflw': (
    (r'.*\.conv[123]\.weight', 0.25),
    (r'[ab]l\d\.weight', 0.2),
    (r'conv_last\d\.weight', 0.3),
    (r'l\d\.weight', 0.5),
  ),
  'retinaface_r50': (
    (r'body\.conv1\.weight', 1 / 64),
    (r'body\.layer\d\.\d+\.bn3\.weight', 0.25),
  ),
  'gfpgan_clean': (
    (r'conv_body_down\.\d\.skip\.weight', 0.5),
    (r'conv_body_up\.\d\.skip\.weight', 0.4),
    (r'conv_body_up\.\d\.conv2\.weight', 0.6),
    (r'stylegan_decoder\.constant_input\.weight', 40.0),
    (r'stylegan_decoder\.style_conv(1|s\.\d+)\.weight', 0.2),
  ),
  'restoreformer': (
    (r'quantize\.embedding\.weight', 4.0),
    (r'encoder\..*\.[qk]\.weight', 0.6),
    (r'.*(down|up)sample\.conv\.weight', 0.5),
    (r'.*\.nin_shortcut\.weight', 0.5),
    (r'decoder\.conv_out\.weight', 0.6),
  ),
  'realesrgan_x2plus': _RRDB,
  'realesrgan_x4plus': _RRDB,
  'parsenet': (
    (r'encoder\.0\.conv2d\.weight', 2.0),
    (r'.*\.shortcut_func\.conv2d\.weight', 0.6),
    (r'body\.\d\.conv2\.norm\.norm\.weight', 0.3),
    (r'.*\.conv2\.norm\.norm\.weight', 0.5),
  ),
}


@functools.cache
def manifest() -> dict[str, dict[str, list[int]]]:
  """Shapes of the tensors of every group."""
  return json.loads(gzip.decompress((FOLDER / 'manifest.json.gz').read_bytes()))


def state_dict(
  name: str, seed: int = 0, prefix: str = ''
) -> dict[str, np.ndarray]:
  """All tensors of a group whose names start with the prefix."""
  shapes = {k: s for k, s in manifest()[name].items() if k.startswith(prefix)}
  result = {}
  for key, shape in shapes.items():
    if key.endswith(('.weight_u', '.weight_v')):
      continue
    tensor = draw(key, tuple(shape), seed)
    for pattern, factor in _GAINS.get(name, ()):
      if re.fullmatch(pattern, key):
        tensor = tensor * np.float32(factor)
        break
    result[key] = tensor
  for key in shapes:
    if key.endswith('.weight_u'):
      stem = key.removesuffix('.weight_u')
      u, v = _singular(result[f'{stem}.weight_orig'], _rng(key, seed))
      result[key], result[f'{stem}.weight_v'] = u, v
  return {key: result[key] for key in shapes}


def draw(key: str, shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
  """The tensor of a name and a shape."""
  stem, _, leaf = key.rpartition('.')
  if leaf == 'num_batches_tracked':
    return np.asarray(0, np.int64)
  rng = _rng(key, seed)
  matrix = len(shape) > 1
  if leaf in ('running_mean', 'bias'):
    values = 0.1 * rng.standard_normal(shape)
  elif leaf == 'running_var':
    values = rng.uniform(0.7, 1.3, shape)
  elif leaf == 'weight' and not matrix and stem.endswith('prelu'):
    values = rng.uniform(0.1, 0.4, shape)
  elif leaf in ('weight', 'weight_orig') and not matrix:
    values = rng.uniform(0.8, 1.2, shape)
  elif leaf in ('weight', 'weight_orig'):
    fan_in = int(np.prod(shape[1:]))
    values = rng.standard_normal(shape) * np.sqrt(1.6 / fan_in)
  else:
    values = 0.5 * rng.standard_normal(shape)
  return np.asarray(values, np.float32)


def _singular(
  tensor: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
  """Singular vectors of a kernel as a matrix, by power iteration."""
  matrix = tensor.astype(np.float64).reshape(len(tensor), -1)
  u = _unit(rng.standard_normal(len(matrix)))
  v = u
  for _ in range(8):
    v = _unit(matrix.T @ u)
    u = _unit(matrix @ v)
  return u.astype(np.float32), v.astype(np.float32)


def _unit(vector: np.ndarray) -> np.ndarray:
  return vector / max(float(np.linalg.norm(vector)), 1e-12)


def _rng(key: str, seed: int) -> np.random.Generator:
  name = zlib.crc32(key.encode()) << 32
  return np.random.Generator(np.random.Philox(key=name | (seed & 0xFFFFFFFF)))
