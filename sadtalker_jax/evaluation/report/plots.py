"""Plots as SVG text, by hand: a page that needs nothing but a browser."""

from collections.abc import Mapping, Sequence
import html

import numpy as np

COLOURS = ('#666', '#4878a8', '#c2703d', '#5b9a5b', '#a05195', '#b5a03c')
_WIDTH, _ROW, _LEFT, _RIGHT, _TOP, _BOTTOM = 460, 26, 110, 14, 26, 24
_DOT = 3.2


def strip(
  title: str,
  values: Mapping[str, Sequence[float | None]],
  systems: Sequence[str],
) -> str:
  """A dot a clip and the mean as a bar, a row for each system.

  Args:
    title: Title above the plot.
    values: Values of the clips, by system; None or NaN are not drawn.
    systems: All systems of a page, so that each has one colour in all plots.

  Returns:
    An `<svg>` element; each dot has its number among the clips as a tooltip.
  """
  rows = {
    system: [
      (i, v) for i, v in enumerate(row) if v is not None and np.isfinite(v)
    ]
    for system, row in values.items()
  }
  found = [v for row in rows.values() for _, v in row]
  if not found:
    return ''
  low, high = min(found), max(found)
  if high - low < 1e-9:
    low, high = low - 0.5, high + 0.5
  scale = (_WIDTH - _LEFT - _RIGHT) / (high - low)
  height = _TOP + _ROW * len(rows) + _BOTTOM
  parts = []
  for number, (system, row) in enumerate(rows.items()):
    middle = _TOP + _ROW * (number + 0.5)
    colour = COLOURS[systems.index(system) % len(COLOURS)]
    parts.append(
      f'<text x="{_LEFT - 8}" y="{middle + 4:.0f}" text-anchor="end">'
      f'{html.escape(system[:16])}</text>'
    )
    for i, value in row:
      x = _LEFT + (value - low) * scale
      # The golden ratio spreads any number of dots evenly over the row.
      y = middle + ((i * 0.618) % 1 - 0.5) * (_ROW - 12)
      parts.append(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_DOT}" fill="{colour}" '
        f'fill-opacity="0.6"><title>clip {i}: {value:.4g}</title></circle>'
      )
    if row:
      mean = sum(v for _, v in row) / len(row)
      x = _LEFT + (mean - low) * scale
      parts.append(
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{middle - 11:.1f}" '
        f'y2="{middle + 11:.1f}" stroke="{colour}" stroke-width="2.5"/>'
      )
  return _frame(title, ''.join(parts) + _axis(low, high, height), height)


def _axis(low: float, high: float, height: int) -> str:
  line = height - _BOTTOM
  marks = [
    f'<text x="{x:.0f}" y="{height - 8}" text-anchor="{anchor}">{value:.3g}'
    '</text>'
    for x, value, anchor in (
      (_LEFT, low, 'start'),
      ((_LEFT + _WIDTH - _RIGHT) / 2, (low + high) / 2, 'middle'),
      (_WIDTH - _RIGHT, high, 'end'),
    )
  ]
  return (
    f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{line}" y2="{line}" '
    f'stroke="#aaa"/>{"".join(marks)}'
  )


def _frame(title: str, content: str, height: int) -> str:
  return (
    f'<svg width="{_WIDTH}" height="{height}" role="img">'
    f'<text x="8" y="15" class="title">{html.escape(title)}</text>'
    f'{content}</svg>'
  )
