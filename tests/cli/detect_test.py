"""`sadtalker detect`: what it prints, and how it ends."""

import json

import numpy as np
from PIL import Image
import pytest

from sadtalker_jax.cli import detect
from sadtalker_jax.inference import bundle
from sadtalker_jax.marking import embedding, payloads


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
  """A marked picture, one without a mark, and a file that is none."""
  folder = tmp_path_factory.mktemp('pictures')
  frame = np.asarray(
    Image.open(bundle.SAMPLE_PORTRAIT).convert('RGB').resize((256, 256))
  )
  marker = embedding.Marker(frame, (256, 256), payloads.Payload(1, 0xABC))
  Image.fromarray(marker.mark(frame)).save(folder / 'marked.png')
  Image.fromarray(frame).save(folder / 'plain.png')
  (folder / 'text.png').write_text('hello')
  return folder


def test_marks_are_printed(pictures, capsys):
  assert detect.main([str(pictures / 'marked.png')]) == 0
  assert 'marked.png: marked: job 000abc, model 1,' in capsys.readouterr().out


def test_nothing_proves_nothing(pictures, capsys):
  assert detect.main([str(pictures / 'plain.png')]) == 1
  line = capsys.readouterr().out
  assert 'no mark found' in line and 'which proves nothing' in line


def test_unreadable_files_do_not_stop_the_others(pictures, capsys):
  files = [str(pictures / name) for name in ('text.png', 'marked.png')]
  assert detect.main([*files, '--json']) == 2
  captured = capsys.readouterr()
  found = json.loads(captured.out)
  assert found['found'] == 'payload' and found['job'] == '000abc'
  assert captured.err.count('\n') == 1
  assert 'text.png: expected a picture or a video' in captured.err


def test_faulty_keys_end_with_one_line(pictures, capsys):
  flags = [str(pictures / 'marked.png'), '--key', str(pictures / 'no')]
  assert detect.main(flags) == 2
  assert 'expected a key, found no such file' in capsys.readouterr().err
