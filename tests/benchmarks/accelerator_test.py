"""One command finds out all about a card, whatever falls over on the way."""

import importlib
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.benchmarks.accelerator import goldens, plan, record, runner
from sadtalker_jax.cli import bench

# The same functions as others, with numbers that are the same when small.
# What `render` and `latency` run, `render_f32` runs, too.
_AGAIN = ('render', 'latency', 'middle', 'large', 'mapping', 'peer')

# Children that need no jax: what they do is the name of their item's function.
_CHILD = """
import json, os, signal, sys, time
request = json.load(open(sys.argv[1]))
def write(**content):
  with open(request['output'], 'w') as file:
    json.dump({'checks': [], **content}, file)
write(state='running', half=1)
what = request['run']
if what == 'kill':
  os.kill(os.getpid(), signal.SIGKILL)
if what == 'hang':
  time.sleep(60)
if what == 'raise':
  sys.exit('no such card')
write(state='done', half=1, whole=2)
"""


def _run(folder, *kinds, seconds=30.0, budget=60.0):
  items = [plan.Item(k, k, f'a child: {k}', seconds) for k in kinds]
  return runner.run(
    folder,
    items,
    scale='small',
    budget=budget,
    start=lambda request: [sys.executable, '-S', '-c', _CHILD, str(request)],
  )


def _states(folder):
  content = json.loads((folder / 'accelerator.json').read_text())
  return {i['name']: (i['state'], i.get('reason')) for i in content['items']}


def test_a_killed_child_leaves_the_results_of_the_others_whole(tmp_path):
  found = _run(tmp_path, 'first', 'kill', 'last')
  assert _states(tmp_path) == {
    'first': ('done', None),
    'kill': ('failed', 'killed by SIGKILL'),
    'last': ('done', None),
  }
  assert [item.get('whole') for item in found['items']] == [2, None, 2]
  assert found['items'][1]['half'] == 1  # what it had found before
  text = (tmp_path / 'accelerator.md').read_text()
  assert 'killed by SIGKILL' in text and '## last' in text
  names = {path.name for path in tmp_path.iterdir()}
  assert names == {'accelerator.json', 'accelerator.md'}


def test_a_child_that_hangs_or_raises_costs_its_own_item(tmp_path):
  _run(tmp_path, 'hang', 'raise', 'last', seconds=1.0)
  states = _states(tmp_path)
  assert states['hang'] == ('failed', 'not done after 1 s')
  assert states['raise'] == ('failed', 'ended with code 1')
  assert states['last'][0] == 'done'


def test_a_spent_budget_skips_the_rest(tmp_path):
  _run(tmp_path, 'hang', 'last', budget=6.0)
  states = _states(tmp_path)
  assert states['hang'] == ('skipped', 'the budget ended after 6 s of it')
  assert states['last'] == ('skipped', 'the budget is spent')


def test_a_wrong_number_fails_an_item(tmp_path):
  for found, state in ((0.5, 'done'), (2.0, 'failed'), (np.nan, 'failed')):
    kept = record.Record(tmp_path / 'found.json')
    kept.check('size', found, 1.0)
    kept.end('done')
    content = json.loads((tmp_path / 'found.json').read_text())
    assert content['state'] == state
    assert ('reason' in content) == (state == 'failed')


def test_errors_are_relative_to_the_largest_value():
  assert record.relative_error([1.0, 4.0], [1.0, 5.0]) == pytest.approx(0.2)
  assert record.relative_error([0.5], [0.0]) == 0.5
  assert np.isnan(record.relative_error([np.nan], [1.0]))


@pytest.mark.parametrize(
  ('flags', 'message'),
  [
    ([], 'either --out DIR or --write_golden'),
    (['--out', 'x', '--write_golden', 'y.npz'], 'found both'),
    (['--out', 'x', '--golden', 'none.npz'], '--golden: expected a file'),
    (['--write_golden', 'no/folder.npz'], 'a file .npz in a folder'),
  ],
)
def test_impossible_flags_are_one_line(flags, message, capsys):
  assert bench.main(['accelerator', *flags]) == 2
  said = capsys.readouterr().err
  assert message in said and said.count('\n') == 1
  assert not pathlib.Path('x').exists()


def test_goldens_of_other_sizes_are_refused(tmp_path):
  path = tmp_path / 'cpu.npz'
  np.savez(path, scale='small')
  assert set(goldens.read(path, plan.SMALL)) == {'scale'}
  with pytest.raises(errors.InputError, match='sizes full, found small'):
    goldens.read(path, plan.FULL)


def _bare(missing, body):
  """Runs code where packages are missing; returns what it prints."""
  code = f'import sys\nfor name in {missing}: sys.modules[name] = None\n{body}'
  done = subprocess.run(
    [sys.executable, '-c', code],
    capture_output=True,
    text=True,
    check=True,
    timeout=120,
  )
  return done.stdout


def test_an_item_names_the_package_that_it_needs(tmp_path):
  output, request = tmp_path / 'found.json', tmp_path / 'request.json'
  request.write_text(
    json.dumps({'run': 'clips.jobs', 'scale': 'small', 'output': str(output)})
  )
  _bare(
    ['av'],
    'from sadtalker_jax.benchmarks.accelerator import child\n'
    f'assert child.main([{str(request)!r}]) == 0',
  )
  found = json.loads(output.read_text())
  assert found['state'] == 'skipped'
  assert found['reason'] == 'needs the package av'


def test_drawing_and_training_import_on_a_bare_machine():
  _bare(
    ['av', 'clu', 'grain', 'ml_collections', 'tensorboardX'],
    'from sadtalker_jax.inference.neural import neural_drawer\n'
    'from sadtalker_jax.inference.neural import neural_renderer\n'
    'from sadtalker_jax.training import built_stage, costs, initial_state\n'
    'from sadtalker_jax.training import stages\n'
    'for name in ("renderer", "mapping", "expnet"): stages.get(name)',
  )


def test_items_have_names_of_their_own_and_functions():
  assert len({item.name for item in plan.ITEMS}) == len(plan.ITEMS)
  for item in plan.ITEMS:
    module, function = item.run.split('.')
    package = 'sadtalker_jax.benchmarks.accelerator'
    assert callable(
      getattr(importlib.import_module(f'{package}.{module}'), function)
    )


@pytest.mark.slow
def test_everything_runs_small_on_a_cpu(
  tmp_path, quick_flags, monkeypatch, capsys
):
  # Children inherit both: little more than compiling is done, and what the
  # golden arrays were computed by is not compiled again.
  monkeypatch.setenv('XLA_FLAGS', quick_flags)
  monkeypatch.setenv('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '0')
  golden, out = tmp_path / 'cpu.npz', tmp_path / 'out'
  flags = ['accelerator', '--small']
  assert bench.main([*flags, '--write_golden', str(golden)]) == 0
  assert golden.stat().st_size < 2**22
  names = [i.name for i in plan.ITEMS if i.name not in _AGAIN]
  flags += ['--golden', str(golden), '--only', *names]
  code = bench.main([*flags, '--out', str(out)])
  said = capsys.readouterr().out
  assert code == 0, said
  states = _states(out)
  assert list(states) == names
  assert {state for state, _ in states.values()} == {'done'}, said
  content = json.loads((out / 'accelerator.json').read_text())
  assert content['versions']['jax'] and content['device']['platform'] == 'cpu'
  assert all(c['passed'] for i in content['items'] for c in i['checks'])
