"""Densities of colours, learned from some pixels of a picture."""

import numpy as np

CLUSTERS = 8
LEAST = 10 * CLUSTERS  # pixels
_SAMPLE = 6000  # pixels from which colours are learned
_NOISE = 5.0  # grey levels within a cluster, at the least


def log_density(features: np.ndarray, chosen: np.ndarray) -> np.ndarray:
  """Log densities [N] of features under a mixture learned from some of them.

  Args:
    features: [N, D], in grey levels.
    chosen: [N] bool; of fewer than `LEAST` nothing is learned.
  """
  sample = features[chosen]
  if len(sample) < LEAST:
    return np.full(len(features), -30.0)
  sample = sample[
    np.linspace(0, len(sample) - 1, min(len(sample), _SAMPLE)).astype(int)
  ]
  logs = []
  for part in _clusters(sample):
    cov = np.cov(part.T) + _NOISE**2 * np.eye(features.shape[1])
    root = np.linalg.inv(np.linalg.cholesky(cov))
    white = (features - part.mean(0)) @ root.T
    logs.append(
      np.log(len(part) / len(sample))
      - 0.5 * (white**2).sum(1)
      + np.log(np.diagonal(root)).sum()
    )
  return np.logaddexp.reduce(logs, axis=0)


def _clusters(sample: np.ndarray) -> list[np.ndarray]:
  """The sample in parts, split where it varies most (Orchard, Bouman 1991)."""
  parts = [sample]
  while len(parts) < CLUSTERS:
    spans = []
    for part in parts:
      values, axes = np.linalg.eigh(np.cov(part.T))
      spans.append((values[-1] * len(part), axes[:, -1]))
    k = int(np.argmax([span for span, _ in spans]))
    along = parts[k] @ spans[k][1]
    upper = along > along.mean()
    halves = [parts[k][upper], parts[k][~upper]]
    if min(map(len, halves)) < 8:
      break
    parts[k : k + 1] = halves
  return parts
