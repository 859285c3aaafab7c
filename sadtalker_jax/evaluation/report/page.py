"""`index.html`: tables, distributions, worst clips, and all clips to look at.

The page needs a browser alone: it holds styles, plots and script; strips of
crops and the players' videos lie in folders beside it.
"""

from collections.abc import Iterator, Mapping, Sequence
import html
from typing import Any

import numpy as np

from sadtalker_jax.evaluation import pairing
from sadtalker_jax.evaluation.measures import metric, registry
from sadtalker_jax.evaluation.report import plots, tables

PAGE, SHEETS, TRACES, PLAYERS = 'index.html', 'sheets', 'traces', 'players'
_WORST = 3  # clips listed for each metric and system
_STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; padding: 0 1em;
  max-width: 1180px; color: #222 }
table { border-collapse: collapse; margin: 1em 0; display: block;
  overflow-x: auto }
td, th { padding: 3px 10px 3px 0; text-align: left; vertical-align: top;
  font-variant-numeric: tabular-nums }
.numbers td { white-space: nowrap }
th { border-bottom: 1px solid #999; white-space: nowrap }
.sortable th { cursor: pointer } tr:nth-child(even) td { background: #f6f6f6 }
svg { margin: 4px; background: #f6f6f6 } svg text { font-size: 11px }
svg .title { font-size: 12px; font-weight: 600 }
.clip { border-top: 1px solid #ddd; padding: .6em 0 }
.clip img { max-width: 100% } .players { display: flex; gap: 8px;
  flex-wrap: wrap } figure { margin: 0 } figcaption { font-size: 12px }
video { width: 224px; background: #000 } .note { color: #666 }
"""
_SCRIPT = """
document.querySelectorAll('.sortable th').forEach(head => {
  head.onclick = () => {
    const body = head.closest('table').tBodies[0], i = head.cellIndex;
    const key = row => row.cells[i].textContent;
    const way = head.way = -(head.way || 1);
    [...body.rows].sort((a, b) => {
      const x = parseFloat(key(a)), y = parseFloat(key(b));
      const order = isNaN(x) || isNaN(y) ? key(a).localeCompare(key(b)) : x - y;
      return way * order;
    }).forEach(row => body.append(row));
  };
});
document.querySelectorAll('.all').forEach(button => {
  button.onclick = () => {
    const films = [...button.closest('.clip').querySelectorAll('video')];
    films.forEach((film, i) => {
      film.currentTime = 0; film.muted = i != films.length - 1; film.play();
    });
  };
});
"""


def html_page(content: tables.Content) -> str:
  """The page.

  Args:
    content: Content of `metrics.json`. The strip of clip i is
      `sheets/<i>.jpg`, its trace map `traces/<i>.jpg`; files that `players` of
      a clip names lie beside the page.
  """
  body = [
    '<h1>Evaluation</h1>',
    *(f'<p>{_text(line)}</p>' for line in tables.protocol_lines(content)),
    '<div class="numbers">' + _table(tables.main_rows(content)) + '</div>',
  ]
  for title, rows in (
    ('Differences, by paired bootstrap', tables.comparison_rows(content)),
    ('Not computed', tables.missing_rows(content)),
    ('Left out of every metric', tables.left_out_rows(content)),
  ):
    if len(rows) > 1:
      body += [f'<h2>{title}</h2>', _table(rows)]
  body += ['<h2>Distributions</h2>', *_plots(content)]
  if content['clips']:
    body += ['<h2>Worst clips</h2>', _table(_worst_rows(content), links=True)]
    body += ['<h2>All clips</h2>', _clip_table(content), *_clips(content)]
  body += ['<h2>How it was measured</h2>', _table(tables.method_rows(content))]
  for table in content['published']['tables']:
    note = content['published']['note']
    body.append(f'<h2>{_text(table)} <span class="note">({note})</span></h2>')
    body.append(_table(tables.published_rows(content, table)))
  return (
    '<!doctype html><html lang="en"><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width">'
    f'<title>Evaluation</title><style>{_STYLE}</style>'
    + '\n'.join(body)
    + f'<script>{_SCRIPT}</script></html>\n'
  )


def _text(value: Any) -> str:
  return html.escape(str(value))


def _table(
  rows: Sequence[Sequence[str]], *, links: bool = False, sort: bool = False
) -> str:
  """A table of text; with `links` cells of the form '#3 name' are links."""

  def cell(text: str) -> str:
    if links and text.startswith('#'):
      return f'<a href="#clip{text[1:].split()[0]}">{_text(text)}</a>'
    return _text(text)

  head = ''.join(f'<th>{_text(c)}</th>' for c in rows[0])
  lines = ''.join(
    '<tr>' + ''.join(f'<td>{cell(c)}</td>' for c in row) + '</tr>'
    for row in rows[1:]
  )
  kind = ' class="sortable"' if sort else ''
  return (
    f'<table{kind}><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table>'
  )


def _values(content: tables.Content, system: str, name: str) -> np.ndarray:
  """A metric of a system's clips [N], NaN where there is none."""
  rows = [c['values'].get(system, {}).get(name) for c in content['clips']]
  return np.array([np.nan if v is None else v for v in rows], np.float64)


def _plots(content: tables.Content) -> Iterator[str]:
  systems = (pairing.REAL, *content['systems'])
  for name in content['metrics']:
    rows = {system: _values(content, system, name) for system in systems}
    known = {s: list(v) for s, v in rows.items() if np.isfinite(v).any()}
    yield plots.strip(f'{tables.heading(name)} ({name})', known, systems)


def _worst_rows(content: tables.Content) -> list[list[str]]:
  rows = [['metric', 'system', *(f'worst {i + 1}' for i in range(_WORST))]]
  for name in content['metrics']:
    goal = registry.METRICS[name].goal
    real = _values(content, pairing.REAL, name)
    for system in content['systems']:
      values = _values(content, system, name)
      bad = metric.badness(goal, values, real)
      known = np.flatnonzero(np.isfinite(bad))
      if not len(known):
        continue
      order = known[np.argsort(-bad[known], kind='stable')][:_WORST]
      cells = [
        f'#{i} {content["clips"][i]["name"]}: {tables.number(name, values[i])}'
        for i in order
      ]
      rows.append([tables.heading(name), system, *_filled(cells, _WORST)])
  return rows


def _filled(cells: list[str], count: int) -> list[str]:
  return cells + [''] * (count - len(cells))


def _clip_table(content: tables.Content) -> str:
  """A row a clip and system, sorted by a click on a column."""
  names = [n for n, e in content['metrics'].items() if 'value' in e]
  names = [
    n
    for n in names
    if any(
      n in c['values'][s] for c in content['clips'] for s in content['systems']
    )
  ]
  rows = [['clip', 'frames', 'system', *names]]
  for i, clip in enumerate(content['clips']):
    for system in content['systems']:
      values: Mapping[str, float] = clip['values'][system]
      cells = [tables.number(n, values.get(n)) for n in names]
      rows.append([f'#{i} {clip["name"]}', str(clip['frames']), system, *cells])
  return _table(rows, links=True, sort=True)


def _clips(content: tables.Content) -> Iterator[str]:
  for i, clip in enumerate(content['clips']):
    films = ''.join(
      f'<figure><video src="{_text(path)}" controls preload="none"></video>'
      f'<figcaption>{_text(system)}</figcaption></figure>'
      for system, path in clip.get('players', {}).items()
    )
    button = '<button class="all">play all</button>' if films else ''
    systems = ', '.join(clip['values'])
    yield (
      f'<div class="clip" id="clip{i}"><b>#{i} {_text(clip["name"])}</b> '
      f'<span class="note">rows, then paths of landmarks from left to right: '
      f'{_text(systems)}</span> {button}<br>'
      f'<img src="{SHEETS}/{i}.jpg" loading="lazy" alt="crops"><br>'
      f'<img src="{TRACES}/{i}.jpg" loading="lazy" alt="paths of landmarks">'
      f'<div class="players">{films}</div></div>'
    )
