"""The notebooks run from top to bottom, outputs are not committed."""

import pathlib

import nbclient
import nbformat
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / 'notebooks').glob('*.ipynb'))
NAMES = [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize('path', NOTEBOOKS, ids=NAMES)
def test_outputs_are_stripped(path):
  for cell in nbformat.read(path, as_version=4).cells:
    assert not cell.get('outputs') and not cell.get('execution_count')


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore')  # of the kernel's own machinery
@pytest.mark.parametrize('path', NOTEBOOKS, ids=NAMES)
def test_runs_from_top_to_bottom(path, tmp_path, monkeypatch, quick_flags):
  monkeypatch.setenv('XLA_FLAGS', quick_flags)
  book = nbformat.read(path, as_version=4)
  client = nbclient.NotebookClient(
    book,
    timeout=900,
    kernel_name='python3',
    resources={'metadata': {'path': str(tmp_path)}},
  )
  client.execute()
  assert list(tmp_path.glob('*.mp4'))
