"""How programs end."""

import errno
import os
import pathlib
import signal
import subprocess
import sys
import threading
import tomllib

import pytest

from sadtalker_jax import errors
from sadtalker_jax.cli import command

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((ROOT / 'pyproject.toml').read_text())['project'][
  'optional-dependencies'
]


def _raises(error):
  def body():
    raise error

  return body


def _terminated():
  os.kill(os.getpid(), signal.SIGTERM)
  signal.pause()  # never, for the signal raises
  return 0


def test_code_of_the_body_is_handed_on_without_a_word(capsys):
  assert command.run(lambda: 1, 'any') == 1
  assert capsys.readouterr() == ('', '')


@pytest.mark.parametrize(
  ('body', 'code', 'line'),
  [
    (_raises(errors.InputError('expected a, found b')), 2, 'expected a,'),
    (_raises(KeyboardInterrupt()), 130, 'nothing was written'),
    (_terminated, 143, 'nothing was written'),
    (
      _raises(ModuleNotFoundError('No module', name='torch')),
      2,
      'expected the package torch, found none: '
      "pip install 'sadtalker-jax[convert]'",
    ),
    (
      _raises(ModuleNotFoundError('No module', name='array_record.python')),
      2,
      'expected the package array_record, found none: '
      "pip install 'sadtalker-jax[prepare]'",
    ),
    (
      _raises(OSError(errno.ENOSPC, 'No space left', 'a.mp4')),
      2,
      "expected files that can be read and written, found: No space left: 'a",
    ),
    (lambda: len(os.listdir('x' * 5000)), 2, 'expected files that can be read'),
  ],
)
def test_what_ends_a_program_early_is_one_line(capsys, body, code, line):
  assert command.run(body, 'any', stopped='nothing was written') == code
  out, err = capsys.readouterr()
  assert err.startswith(f'any: {line}') and err.count('\n') == 1
  assert not out


def test_defects_keep_their_traceback():
  with pytest.raises(ZeroDivisionError):
    command.run(lambda: 1 // 0, 'any')
  with pytest.raises(FileNotFoundError):
    command.run(_raises(FileNotFoundError(errno.ENOENT, 'gone')), 'any')
  with pytest.raises(ModuleNotFoundError):  # of no extra: not optional
    command.run(_raises(ModuleNotFoundError(name='sadtalker_jax.no')), 'any')


def test_second_sigterm_does_not_disturb_the_cleaning_up(tmp_path):
  cleaned = []

  def body():
    try:
      return _terminated()
    finally:
      os.kill(os.getpid(), signal.SIGTERM)
      cleaned.append(True)

  before = signal.getsignal(signal.SIGTERM)
  assert command.run(body, 'any') == 143
  assert cleaned and signal.getsignal(signal.SIGTERM) is before


def test_program_runs_in_a_thread_of_its_own(capsys):
  codes = []
  work = _raises(errors.InputError('expected a, found b'))
  thread = threading.Thread(
    target=lambda: codes.append(command.run(work, 'any'))
  )
  thread.start()
  thread.join()
  assert codes == [2]


@pytest.mark.parametrize(('package', 'extra'), command.EXTRAS.items())
def test_extra_installs_its_package(package, extra):
  names = [text.lower().replace('-', '_') for text in EXTRAS[extra]]
  assert any(name.startswith(package.lower()) for name in names)


@pytest.mark.parametrize(
  ('called', 'usage'),
  [
    ('/usr/bin/sadtalker', 'usage: sadtalker export '),
    ('export.py', 'usage: python -m sadtalker_jax.cli.export '),
  ],
)
def test_usage_shows_how_the_program_was_called(monkeypatch, called, usage):
  monkeypatch.setattr(sys, 'argv', [called])
  assert command.parser('export', None).format_usage().startswith(usage)


def test_faults_of_flags_are_one_short_line(capsys):
  options = command.parser('export', None)
  options.add_argument('--number', type=int)
  with pytest.raises(SystemExit) as end:
    options.parse_args(['--number', '9' * 5000])
  assert end.value.code == 2
  line = capsys.readouterr().err
  assert line.count('\n') == 1 and len(line) < 700
  assert 'argument --number: invalid int value' in line


def test_empty_name_is_no_path(capsys):
  options = command.parser('export', None)
  options.add_argument('--input', type=command.path)
  assert options.parse_args(['--input', 'a']).input == pathlib.Path('a')
  with pytest.raises(SystemExit):
    options.parse_args(['--input', ''])
  assert (
    "argument --input: expected a path, found ''" in capsys.readouterr().err
  )


def test_module_is_light():
  code = (
    'import sys; from sadtalker_jax.cli import command;'
    'found = {"jax", "numpy", "av"} & set(sys.modules); assert not found, found'
  )
  subprocess.run([sys.executable, '-c', code], check=True, timeout=120)


_PROGRAM = """
import os, sys
from sadtalker_jax.cli import command

def body():
  with open(sys.argv[1], 'wb') as file:
    number = file.fileno()
    with command.Progress(3) as bar:
      bar.update(3)
    command.say('made \\udcff')
  return 0 if number > 2 else 9

sys.exit(command.run(body, 'any'))
"""


@pytest.mark.parametrize(
  'closed',
  ['2>&-', '>&-', '<&-', '<&- >&- 2>&-', '2>/dev/full', '>/dev/full 2>&1'],
)
def test_closed_or_full_streams_end_no_work(tmp_path, closed):
  made = tmp_path / 'made'
  done = subprocess.run(
    ['sh', '-c', f'"$@" {closed}', 'sh', sys.executable, '-c', _PROGRAM, made],
    capture_output=True,
    cwd=ROOT,
  )
  assert done.returncode == 0, done.stderr
  assert made.read_bytes() == b''  # no message went into it
  assert b'Traceback' not in done.stderr


def test_fronts_end_where_a_package_is_missing(monkeypatch, capsys):
  command.require('train.py', 'jax')  # it is there
  monkeypatch.setitem(command.EXTRAS, 'nowhere_to_be_found', 'train')
  with pytest.raises(SystemExit) as end:
    command.require('train.py', 'jax', 'nowhere_to_be_found')
  assert end.value.code == 2
  error = capsys.readouterr().err
  assert error.count('\n') == 1 and 'sadtalker-jax[train]' in error
