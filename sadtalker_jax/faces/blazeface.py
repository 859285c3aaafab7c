"""The short-range BlazeFace network: from each crop 896 candidate faces.

Crops are 128 x 128 pixels; points are (x, y) in their pixels, y down, the
centre of the first pixel at (0.5, 0.5). The anchors and the decoding are as in
MediaPipe's face detection: two anchors per cell of 8 pixels, six per cell of
16; the network's boxes and points are relative to the anchor's centre.
"""

import functools

import numpy as np

from sadtalker_jax.faces import graph

SIDE = 128
BATCH = 8  # crops per call: one shape, one compilation


def run(
  crops: np.ndarray,
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
  """All candidate faces in crops, before any selection.

  Args:
    crops: [N, 128, 128, 3] in [0, 255], any type of number.

  Returns:
    For each crop, in its pixels: boxes [896, 4] (x0, y0, x1, y1), scores [896]
    in [0, 1], points [896, 6, 2] in the order of `detector.Detection`.
  """
  outputs = []
  for start in range(0, len(crops), BATCH):
    part = crops[start : start + BATCH]
    full = np.zeros((BATCH, *crops.shape[1:]), np.float32)
    full[: len(part)] = part
    regressors, logits = graph.compiled('blazeface_short')(full / 127.5 - 1)
    for i in range(len(part)):
      outputs.append(_decode(regressors[i], logits[i, :, 0]))
  return outputs


def _decode(
  regressors: np.ndarray, logits: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Boxes, scores and points of one crop from [896, 16] and [896]."""
  # Per anchor: centre, size, six points; in pixels relative to the anchor.
  values = regressors.reshape(-1, 8, 2)
  centre = values[:, 0] + _anchors()
  half = values[:, 1] / 2
  boxes = np.concatenate([centre - half, centre + half], -1)
  scores = 1 / (1 + np.exp(-np.clip(logits, -80, 80)))
  return boxes, scores, values[:, 2:] + _anchors()[:, None]


@functools.cache
def _anchors() -> np.ndarray:
  """Centres of the 896 anchors in pixels of the crop, float32 [896, 2]."""
  centres = []
  for stride, count in ((8, 2), (16, 6)):
    axis = (np.arange(SIDE // stride) + 0.5) * stride
    grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
    centres.append(np.repeat(grid, count, 0))
  return np.concatenate(centres).astype(np.float32)
