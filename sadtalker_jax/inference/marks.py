"""The invisible mark of a clip: which one, and planned on what.

A mark is planned on the portrait, not on drawn frames, so that it does not
depend on devices or batches. It goes on last, after pasting and enhancing.
"""

from absl import logging
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait as portrait_lib
from sadtalker_jax.marking import embedding, payloads

_DECIMALS = 2  # of motion that the job's number is made of


def planned(
  portrait: portrait_lib.Portrait,
  track: np.ndarray,
  size: tuple[int, int],
  bundle: bundle_lib.Bundle,
  options: options_lib.Options,
) -> embedding.Marker | None:
  """The mark of a clip; None where options turn it off.

  The job's number is 24 bits of a keyed hash of the motion and the size: the
  same clip has the same number.

  Args:
    portrait: Portrait that is animated.
    track: Coefficients [T, 70] of the motion.
    size: Width and height of the frames that come out.
    bundle: Bundle whose number the mark names.
    options: Options of the clip.

  Raises:
    InputError: frames are too small for a mark, or the key cannot be read.
  """
  if options.mark == 'off':
    if options.mark_key is not None:
      raise errors.InputError('mark_key: expected with mark on only')
    logging.warning('mark off: frames get no invisible mark')
    return None
  key = payloads.read_key(options.mark_key)
  embedding.check_size(size)
  content = np.round(np.asarray(track, np.float64), _DECIMALS) + 0.0
  job = payloads.number_of(
    content.tobytes() + repr(size).encode(), key, payloads.JOB_BITS
  )
  payload = payloads.Payload(bundle.number, job)
  return embedding.Marker(_host(portrait), size, payload, key)


def _host(portrait: portrait_lib.Portrait) -> np.ndarray:
  """The part of the picture that frames show, [H, W, 3] uint8."""
  picture, window = portrait.picture, portrait.window
  if window.paste:
    return picture
  x0, y0, x1, y1 = (round(side) for side in window.box)
  # A window may reach beyond the picture.
  rows = np.clip(np.arange(y0, max(y1, y0 + 1)), 0, picture.shape[0] - 1)
  columns = np.clip(np.arange(x0, max(x1, x0 + 1)), 0, picture.shape[1] - 1)
  return picture[rows][:, columns]
