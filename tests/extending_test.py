"""The recipes of docs/extending.md run as they stand, outside the package."""

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / 'docs' / 'extending.md'
# What the program of a section prints at its end.
SAYS = {
  'a-motion': r'177 frames, the jaw opens by 0\.\d\d',
  'a-renderer': r'177 frames, brightness \d+ to \d+',
  'a-metric': r'brightness +0\.45\d +0\.22\d',
  'a-network': r'\(2, 1\)',
  'a-stage': r'step 20: 0\.\d+',
  'a-language': r'177 frames',
}


def _recipes() -> dict[str, str]:
  """Python blocks of the page by the anchor of their section."""
  found = {}
  for section in re.split(r'^## ', PAGE.read_text(), flags=re.M)[1:]:
    heading = section.splitlines()[0].lower().replace(' ', '-')
    for block in re.findall(r'^```python\n(.*?)^```$', section, re.M | re.S):
      assert heading not in found, f'{heading}: expected one file a recipe'
      found[heading] = block
  return found


def test_every_recipe_is_run():
  assert set(_recipes()) == set(SAYS)


# Runs files, each as the program that it is, in one process: most of their time
# goes into the same imports, tracing and compiling.
_RUNS = """
import contextlib, io, json, runpy, sys, traceback
said = {}
for path in sys.argv[1:]:
  text = io.StringIO()
  with contextlib.redirect_stdout(text):
    try:
      runpy.run_path(path, run_name='__main__')
    except BaseException:
      traceback.print_exc(file=text)
  said[path] = text.getvalue()
json.dump(said, sys.stdout)
"""


@pytest.fixture(scope='module')
def said(tmp_path_factory, quick_flags) -> dict[str, str]:
  """What the recipes print, or what they fail with, by name."""
  folder = tmp_path_factory.mktemp('recipes')
  files = {name: folder / f'{name}.py' for name in sorted(SAYS)}
  for name, file in files.items():
    file.write_text(_recipes()[name])
  found = subprocess.run(
    [sys.executable, '-c', _RUNS, *map(str, files.values())],
    cwd=folder,
    env={
      **os.environ,
      'PYTHONPATH': str(ROOT),
      'TMPDIR': str(folder),
      'XLA_FLAGS': quick_flags,
    },
    capture_output=True,
    text=True,
    check=False,
  )
  assert found.returncode == 0, found.stderr[-3000:]
  texts = json.loads(found.stdout)
  return {name: texts[str(file)] for name, file in files.items()}


@pytest.mark.slow
@pytest.mark.parametrize('name', sorted(SAYS))
def test_recipe_runs_as_a_file_of_its_own(name, said):
  assert 'Traceback' not in said[name], said[name][-3000:]
  assert re.search(SAYS[name], said[name]), said[name]
