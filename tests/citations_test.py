"""What the code cites can be read in the documentation.

`method 5.10` is a heading of docs/method.md, `quirk Q11` one of docs/quirks.md.
Sections of papers are cited with the paper's name and stand for themselves.
"""

import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
METHOD = re.compile(r'\bmethod (\d+(?:\.\d+)?)')
QUIRK = re.compile(r'\bquirk (Q\d+)')
BARE = re.compile(r'(?<=[a-z] )\((\d+\.\d+)\)')
# Forms that resolve nowhere.
LOOSE = (
  re.compile(r'\breference,? (?:section )?\d'),
  re.compile(r'\bdesign\s+reference\b'),
  re.compile(r'(?<!quirk )\bQ\d+\b'),
)
FOLDERS = ('sadtalker_jax', 'input_pipeline', 'configs', 'tests')
SOURCES = sorted(
  path
  for folder in FOLDERS
  for path in (ROOT / folder).rglob('*.py')
  if path != pathlib.Path(__file__)
)


def _headings(page: str) -> set[str]:
  """First words of the headings of a page, without the dot."""
  text = (ROOT / 'docs' / page).read_text()
  found = re.findall(r'^#+ (Q?\d+(?:\.\d+)?)\.? ', text, re.MULTILINE)
  return set(found)


@pytest.fixture(scope='module')
def headings() -> dict[str, set[str]]:
  return {page: _headings(page) for page in ('method.md', 'quirks.md')}


def test_headings_are_found(headings):
  assert {'1', '5.10', '11.4'} <= headings['method.md']
  assert {f'Q{n}' for n in range(1, 42)} == headings['quirks.md']


def _name(path: pathlib.Path) -> str:
  return str(path.relative_to(ROOT))


def test_every_citation_has_its_heading(headings):
  lost = []
  for path in SOURCES:
    # Citations may be broken over lines.
    text = re.sub(r'\s*\n\s*(?:# )?', ' ', path.read_text())
    for kind, form, page in (
      ('method', METHOD, 'method.md'),
      ('quirk', QUIRK, 'quirks.md'),
    ):
      numbers = set(form.findall(text)) - headings[page]
      lost += [f'{_name(path)}: {kind} {number}' for number in sorted(numbers)]
  assert not lost


def test_no_citation_resolves_nowhere(headings):
  loose = []
  for path in SOURCES:
    text = path.read_text()
    bare = set(BARE.findall(text)) & headings['method.md']
    loose += [f'{_name(path)}: ({number})' for number in sorted(bare)]
    found = (form.search(text) for form in LOOSE)
    loose += [f'{_name(path)}: {each.group()!r}' for each in found if each]
  assert not loose
