"""Histograms as SVG text, so that a page needs a browser alone."""

import html

import numpy as np

_WIDTH, _HEIGHT, _BARS = 320, 140, 40
_LEFT, _BOTTOM, _TOP = 8, 28, 22


def histogram(
  values: np.ndarray, title: str, *, limits: tuple[float, float] | None = None
) -> str:
  """A histogram.

  Args:
    values: Numbers of any shape; those beyond the limits count in the outer
      bars.
    title: Title above the bars, with mean and deviation added.
    limits: Limits of the axis; None for those of 99.8 % of the values.

  Returns:
    An `<svg>` element.
  """
  values = np.asarray(values, np.float64).ravel()
  values = values[np.isfinite(values)]
  if not len(values):
    return _frame(title + ': none', '')
  low, high = limits or np.percentile(values, [0.1, 99.9])
  if high - low < 1e-9:
    low, high = low - 0.5, high + 0.5
  counts, _ = np.histogram(values.clip(low, high), _BARS, (low, high))
  room = _HEIGHT - _BOTTOM - _TOP
  step = (_WIDTH - 2 * _LEFT) / _BARS
  bars = []
  for i, count in enumerate(counts):
    height = room * count / counts.max()
    x, y = _LEFT + i * step, _HEIGHT - _BOTTOM - height
    bars.append(
      f'<rect x="{x:.1f}" y="{y:.1f}" width="{step - 1:.1f}" '
      f'height="{height:.1f}"/>'
    )
  marks = [
    f'<text x="{x:.0f}" y="{_HEIGHT - 10}" text-anchor="{anchor}">'
    f'{value:.3g}</text>'
    for x, value, anchor in (
      (_LEFT, low, 'start'),
      (_WIDTH / 2, (low + high) / 2, 'middle'),
      (_WIDTH - _LEFT, high, 'end'),
    )
  ]
  told = f'{title}: {values.mean():.3g} ± {values.std():.3g}'
  return _frame(told, ''.join(bars + marks))


def _frame(title: str, content: str) -> str:
  return (
    f'<svg width="{_WIDTH}" height="{_HEIGHT}" role="img">'
    f'<text x="{_LEFT}" y="14" class="title">{html.escape(title)}</text>'
    f'{content}</svg>'
  )
