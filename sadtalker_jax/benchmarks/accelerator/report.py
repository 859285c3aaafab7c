"""The report of a card: accelerator.json for programs, accelerator.md to read.

Both are replaced whole, so that there is a report at any moment.
"""

from collections.abc import Mapping
import json
import os
import pathlib
from typing import Any

JSON, MARKDOWN = 'accelerator.json', 'accelerator.md'
_NOT_FIGURES = {
  'name',
  'title',
  'state',
  'reason',
  'checks',
  'seconds',
  'stderr',
}


def write(folder: pathlib.Path, found: Mapping[str, Any]) -> None:
  """Replaces both files.

  Args:
    folder: Folder of the report.
    found: Result of `runner.run`, so far.
  """
  whole = {**found, **_about(found)}
  _replace(folder / JSON, json.dumps(whole, indent=2) + '\n')
  _replace(folder / MARKDOWN, text(whole))


def failed(found: Mapping[str, Any]) -> list[str]:
  """Names of the items that failed."""
  return [i['name'] for i in found['items'] if i['state'] == 'failed']


def line(item: Mapping[str, Any]) -> str:
  """One line about an item."""
  took = f' in {item["seconds"]:.0f} s' if 'seconds' in item else ''
  why = f': {item["reason"]}' if 'reason' in item else ''
  return f'{item["name"]}: {item["state"]}{took}{why}'


def text(found: Mapping[str, Any]) -> str:
  """The report in Markdown."""
  device = found.get('device', {})
  kind = device.get('device', 'a device that said nothing of itself')
  parts = [
    f'# Accelerator: {kind}',
    '',
    f'Sizes: {found["scale"]}. Budget: {found["budget_seconds"]:.0f} s. '
    f'Compared with a CPU: {found.get("golden") or "no"}.',
    '',
    '| item | what | state | s |',
    '|---|---|---|---|',
  ]
  for item in found['items']:
    why = f': {item["reason"]}' if 'reason' in item else ''
    parts.append(
      f'| {item["name"]} | {item["title"]} | {_cell(item["state"] + why)} '
      f'| {item.get("seconds", "")} |'
    )
  for item in found['items']:
    parts += _section(item)
  return '\n'.join(parts) + '\n'


def _about(found: Mapping[str, Any]) -> dict[str, Any]:
  """Device and versions, as the first item has found them."""
  for item in found['items']:
    if 'device' in item:
      return {'device': item['device'], 'versions': item.get('versions', {})}
  return {}


def _section(item: Mapping[str, Any]) -> list[str]:
  """An item's figures and checks."""
  figures = {k: v for k, v in item.items() if k not in _NOT_FIGURES}
  if not figures and not item.get('checks'):
    return []
  parts = ['', f'## {item["name"]}: {item["title"]}']
  if figures:
    parts += ['', '| figure | value |', '|---|---|']
    parts += [
      f'| {_cell(name)} | {_cell(value)} |'
      for key, given in figures.items()
      for name, value in _flat(key, given)
    ]
  if item.get('checks'):
    parts += ['', '| check | found | limit | |', '|---|---|---|---|']
    parts += [
      f'| {_cell(c["name"])} | {_value(c["found"])} | {_value(c["limit"])} '
      f'| {"ok" if c["passed"] else "**wrong**"} |'
      for c in item['checks']
    ]
  return parts


def _flat(name: str, value: Any) -> list[tuple[str, str]]:
  """(name, value) of every plain value in nested dicts and lists."""
  if isinstance(value, Mapping):
    return [
      pair
      for key, inner in value.items()
      for pair in _flat(f'{name}/{key}', inner)
    ]
  if isinstance(value, list):
    return [(name, ', '.join(_value(v) for v in value))]
  return [(name, _value(value))]


def _value(value: Any) -> str:
  return f'{value:.4g}' if isinstance(value, float) else str(value)


def _cell(value: str) -> str:
  return value.replace('|', '\\|').replace('\n', ' ')


def _replace(path: pathlib.Path, content: str) -> None:
  part = path.with_name(path.name + '.part')
  part.write_text(content)
  os.replace(part, path)
