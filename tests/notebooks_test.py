"""The notebooks run from top to bottom, outputs are not committed."""

import os
import pathlib

import nbclient
import nbformat
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / 'notebooks').glob('*.ipynb'))
NAMES = [path.stem for path in NOTEBOOKS]
# What a trial does with less: a third of a second of sound, networks as
# deep as the released ones and narrow, drawn clips no longer than their film.
SMALLER = {
  'animate': {'AUDIO = bundle.SAMPLE_SPEECH': 'AUDIO = {short!r}'},
  'convert_weights': {
    'SIZE = 256  # or 512': 'SIZE = 256\n'
    'import pytest\n'
    'from tests.conversion import small\n'
    'small.shrink(pytest.MonkeyPatch())'
  },
  'train_a_stage': {
    'CLIPS = 4  # to draw': 'CLIPS = 4\n'
    'from sadtalker_jax.synthesis import voices\n'
    'voices.SECONDS = (1.6, 1.7)',
    'config.clips.num_frames = 65': 'config.clips.num_frames = 33',
    'STEPS = 20  # a few hundred show something': 'STEPS = 4',
  },
}


@pytest.mark.parametrize('path', NOTEBOOKS, ids=NAMES)
def test_outputs_are_stripped(path):
  for cell in nbformat.read(path, as_version=4).cells:
    assert not cell.get('outputs') and not cell.get('execution_count')


def _small(path: pathlib.Path, short: pathlib.Path) -> nbformat.NotebookNode:
  """A notebook with the choices of a trial."""
  book = nbformat.read(path, as_version=4)
  left = dict(SMALLER.get(path.stem, {}))
  for cell in book.cells:
    for line in [line for line in left if line in cell.source.splitlines()]:
      changed = left.pop(line).format(short=str(short))
      cell.source = cell.source.replace(line, changed)
  assert not left, f'{path.stem} has no line {[*left]}'
  return book


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')  # of the kernel's own machinery
@pytest.mark.parametrize('path', NOTEBOOKS, ids=NAMES)
def test_runs_from_top_to_bottom(
  path, tmp_path, monkeypatch, quick_flags, short
):
  monkeypatch.setenv('XLA_FLAGS', quick_flags)
  paths = [str(ROOT), os.environ.get('PYTHONPATH', '')]
  monkeypatch.setenv('PYTHONPATH', os.pathsep.join(filter(None, paths)))
  client = nbclient.NotebookClient(
    _small(path, short),
    timeout=900,
    kernel_name='python3',
    resources={'metadata': {'path': str(tmp_path)}},
  )
  client.execute()
  assert list(tmp_path.glob('*.mp4'))
