"""The tables as text: Markdown, and the cells that the page uses, too.

They need the content of `metrics.json` alone, so that a report can be written
again.
"""

from collections.abc import Mapping, Sequence
import math
from typing import Any

from sadtalker_jax.evaluation.measures import registry

Content = Mapping[str, Any]
_ARROWS = {'higher': '↑', 'lower': '↓', 'real': '→ real', 'zero': '→ 0'}


def number(name: str, value: float | None) -> str:
  """A value of a metric as text for tables."""
  if value is None or not math.isfinite(value):
    return '–'
  return f'{value:.{registry.METRICS[name].digits}f}'


def cell(name: str, entry: Mapping[str, Any] | None) -> str:
  """Value and interval of an entry of `metrics`."""
  if entry is None or 'value' not in entry:
    return '–'
  text = number(name, entry['value'])
  if entry['ci'] is not None:
    low, high = (number(name, v) for v in entry['ci'])
    text += f' [{low}, {high}]'
  return text


def heading(name: str) -> str:
  """Title of a metric with its goal."""
  metric = registry.METRICS[name]
  return f'{metric.title} {_ARROWS[metric.goal]}'


def main_rows(content: Content) -> list[list[str]]:
  """Header and rows of the table of values: a metric a row."""
  systems = content['systems']
  rows = [['metric', 'name', 'real', *systems, 'clips', 'frames']]
  for name, first in content['metrics'].items():
    entries = [entries[name] for entries in systems.values()]
    known = [entry for entry in entries if 'value' in entry]
    if not known:
      continue
    rows.append(
      [
        heading(name),
        name,
        cell(name, content['real'].get(name)),
        *(cell(name, entry) for entry in entries),
        '/'.join(dict.fromkeys(str(entry['n']) for entry in known)),
        str(first.get('frames', known[0]['frames'])),
      ]
    )
  return rows


def missing_rows(content: Content) -> list[list[str]]:
  """Metrics that were not computed, and why."""
  rows = [['metric', 'not computed']]
  for system, entries in content['systems'].items():
    for name, entry in entries.items():
      row = [name, entry.get('not_computed', '')]
      if row[1] and row not in rows:
        only = all(
          'not_computed' in e[name] for e in content['systems'].values()
        )
        rows.append(row if only else [f'{name} of {system}', row[1]])
  return rows


def comparison_rows(content: Content) -> list[list[str]]:
  """Differences of systems."""
  rows = [['metric', 'a', 'b', 'a - b', '95 %', 'p', 'better', 'clips']]
  for row in content['comparison']:
    name = row['metric']
    limits = row['ci'] and ', '.join(number(name, v) for v in row['ci'])
    rows.append(
      [
        heading(name),
        row['a'],
        row['b'],
        number(name, row['difference']),
        f'[{limits}]' if limits else '–',
        '–' if row['p'] is None else f'{row["p"]:.3f}',
        row['better'] or 'undecided',
        str(row['n']),
      ]
    )
  return rows


def published_rows(content: Content, table: str) -> list[list[str]]:
  """A table of the paper with our systems below it."""
  published = content['published']
  rows = published['tables'][table]
  names = list(dict.fromkeys(n for values in rows.values() for n in values))
  result = [['method', *(heading(name) for name in names), 'whose number']]
  for method, values in rows.items():
    cells = [number(name, values.get(name)) for name in names]
    result.append([method, *cells, published['note']])
  ours = {'real clips of this run': content['real'], **content['systems']}
  for system, entries in ours.items():
    cells = [cell(name, entries.get(name)) for name in names]
    if any(c != '–' for c in cells):
      result.append([system, *cells, 'measured here'])
  return result


def left_out_rows(content: Content) -> list[list[str]]:
  """Clips that are left out of all metrics."""
  rows = [['clip', 'video of', 'reason', 'detail']]
  for clip in content['left_out']:
    rows.append(
      [clip['name'], clip['system'] or '–', clip['reason'], clip['detail']]
    )
  return rows


def method_rows(content: Content) -> list[list[str]]:
  """Definition, view and weights of each metric."""
  rows = [['name', 'definition', 'seen', 'mean over', 'weights']]
  for name, entry in content['metrics'].items():
    if 'value' in entry:
      hashes = ', '.join(f'{n} {h}' for n, h in entry['weights'].items())
      over = {'clip': 'clips', 'frame': 'frames'}[entry['per']]
      rows.append(
        [name, entry['definition'], entry['crop'], over, hashes or 'none']
      )
  return rows


def protocol_lines(content: Content) -> list[str]:
  """The rules in sentences."""
  rules = content['protocol']
  count = len(content['clips'])
  expected = rules['clips'] and f' of the {rules["clips"]} of this test'
  length = rules['seconds'] and f'the first {rules["seconds"]:g} s'
  draws = content['bootstrap']['resamples']
  return [
    f'Protocol {rules["name"]}: {count} clips{expected or ""} count, '
    f'{len(content["left_out"])} left out of every metric; '
    f'{length or "all"} of each, at 25 frames a second.',
    f'Crop: {rules["crop_rule"]}.'
    + (f' Rules: {rules["source"]}.' if rules['source'] else ''),
    f'In brackets: 95 % of {draws} resamples of the clips (seed '
    f'{content["bootstrap"]["seed"]}). A dash: not computed, or not defined.',
  ]


def markdown(content: Content) -> str:
  """`metrics.md`."""
  parts = ['# Evaluation', *protocol_lines(content), _table(main_rows(content))]
  for title, rows in (
    ('Differences', comparison_rows(content)),
    ('Not computed', missing_rows(content)),
    ('Left out', left_out_rows(content)),
    ('How it was measured', method_rows(content)),
  ):
    if len(rows) > 1:
      parts += [f'## {title}', _table(rows)]
  for table in content['published']['tables']:
    parts += [
      f'## {table} ({content["published"]["note"]})',
      _table(published_rows(content, table)),
    ]
  return '\n\n'.join(parts) + '\n'


def _table(rows: Sequence[Sequence[str]]) -> str:
  lines = ['| ' + ' | '.join(_plain(c) for c in row) + ' |' for row in rows]
  lines.insert(1, '|' + '---|' * len(rows[0]))
  return '\n'.join(lines)


def _plain(text: str) -> str:
  return ' '.join(text.replace('|', '\\|').split())
