"""The timing program runs and fails in words."""

from input_pipeline import bench
from sadtalker_jax.cli import bench as bench_cli


def test_table_has_a_line_for_each_stage(folder, capsys):
  arguments = ['--folder', str(folder), '--stages', 'expnet', 'mapping']
  arguments += ['--seconds', '0.1', '--step', '0.02', '--resumed', '3']
  arguments += ['--tflops', '2.24']
  assert bench.main(arguments) == 0
  *lines, first, second = capsys.readouterr().out.splitlines()
  assert first.startswith('expnet: 100 examples/s take ')
  assert second.endswith(' cores like these')
  assert [line.count('|') for line in lines] == [9] * 4
  for line, stage in zip(lines[2:], ('expnet', 'mapping'), strict=True):
    assert line.startswith(f'| {stage} | 32 |')
    assert line.endswith('| 3 of 3 |')


def test_folder_without_records_is_named(tmp_path, capsys):
  flags = ['--folder', str(tmp_path), '--tflops', '440', '--threads', '1']
  assert bench_cli.main(['feeding', *flags]) == 2
  assert 'manifest.json is missing' in capsys.readouterr().out
