import os

import pytest

from sadtalker_jax.cli import convert
from tests.conversion import small

pytestmark = pytest.mark.usefixtures('small_zoo')


@pytest.fixture
def small_zoo(monkeypatch):
  small.shrink(monkeypatch)


@pytest.fixture
def source(tmp_path):
  return small.write(
    tmp_path / 'mapping_00229-model.safetensors', small.state('mapping')
  )


def _run(*flags) -> int:
  return convert.main([str(flag) for flag in flags])


def test_converts_checks_and_exports(source, tmp_path, capsys):
  bundle, back = tmp_path / 'bundle', tmp_path / 'back.safetensors'
  (tmp_path / 'notes.txt').touch()
  assert _run('--input', tmp_path, '--output', bundle) == 0
  printed = capsys.readouterr().out
  assert f'not used: {tmp_path / "notes.txt"}' in printed
  assert 'mapping: ' in printed and f'from {source.name}' in printed
  assert 'networks: 1, ' in printed
  assert _run('--input', source, '--check', bundle) == 0
  assert 'the same as its files' in capsys.readouterr().out
  flags = ['--network', 'mapping', '--export', back]
  assert _run('--input', bundle, *flags) == 0
  assert '18 tensors' in capsys.readouterr().out
  assert back.read_bytes() == source.read_bytes()


def test_takes_a_file_of_another_name(source, tmp_path, capsys):
  other = source.rename(tmp_path / 'mine.safetensors')
  flags = ['--as', f'mapping={other}', '--output', tmp_path / 'bundle']
  assert _run(*flags) == 0
  assert 'from mine.safetensors' in capsys.readouterr().out


@pytest.mark.parametrize(
  ('flags', 'message'),
  [
    (['--as', 'mapping'], 'expected NETWORK=FILE'),
    (['--as', 'mapping=a', 'mapping=b'], 'each network once'),
    (['--as', 'mapping=nothing'], 'expected a file that can be read'),
    (['--input', 'nothing'], 'found nothing'),
    ([], 'expected released files'),
  ],
)
def test_bad_input_ends_with_one_message(tmp_path, capsys, flags, message):
  bundle = tmp_path / 'bundle'
  assert _run(*flags, '--output', bundle) == 2
  printed = capsys.readouterr()
  assert printed.err.startswith('convert: ') and message in printed.err
  assert not printed.out
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
  'make', [os.mkfifo, lambda path: path.symlink_to(path)]
)
def test_pipes_and_links_to_themselves_are_no_files(tmp_path, capsys, make):
  make(tmp_path / 'mapping_00229-model.safetensors')
  assert _run('--input', tmp_path, '--output', tmp_path / 'bundle') == 2
  assert 'expected a file that can be read' in capsys.readouterr().err
  assert not (tmp_path / 'bundle').exists()


def test_names_too_long_are_refused(source, tmp_path, capsys):
  assert _run('--input', source, '--output', tmp_path / ('x' * 300)) == 2
  assert 'expected a folder that can be made' in capsys.readouterr().err


def test_check_tells_a_difference(source, tmp_path, capsys):
  bundle = tmp_path / 'bundle'
  assert _run('--input', source, '--output', bundle) == 0
  small.write(source, small.state('mapping', seed=1))
  assert _run('--input', source, '--check', bundle) == 2
  assert 'mapping: params/first/kernel differs' in capsys.readouterr().err


def test_export_needs_a_bundle_and_networks(tmp_path, capsys):
  with pytest.raises(SystemExit):
    _run('--export', tmp_path / 'a.safetensors')
  assert '--export needs one bundle' in capsys.readouterr().err


def test_noise_of_some_networks_becomes_a_bundle(tmp_path, capsys):
  noise, bundle = tmp_path / 'noise', tmp_path / 'bundle'
  chosen = ['--only', 'parsenet', 'realesrgan_x2']
  assert _run('--noise', noise, *chosen) == 0
  assert len(list(noise.iterdir())) == 2
  assert _run('--input', noise, '--output', bundle) == 0
  assert 'networks: 2, ' in capsys.readouterr().out
  assert _run('--noise', tmp_path / 'other', '--only', 'nothing') == 2
  assert "found 'nothing'" in capsys.readouterr().err
  assert not (tmp_path / 'other').exists()
