"""A run as a whole: what counts, what is written, what is left out."""

import json
import pathlib

import numpy as np
import PIL.Image
import pytest

from sadtalker_jax import errors
from sadtalker_jax.evaluation import pairing, protocol, runner
from sadtalker_jax.evaluation.measures import experts, registry
from sadtalker_jax.evaluation.measures import metric as metric_lib
from sadtalker_jax.evaluation.report import content as content_lib
from sadtalker_jax.evaluation.report import output, tables, traces
from tests.evaluation import stubs

T = 34
RULES = protocol.Protocol(size=128)


@pytest.fixture(scope='module')
def films(tmp_path_factory) -> pathlib.Path:
  """Three good clips of two systems, and bad ones."""
  root = tmp_path_factory.mktemp('films')
  for seed, name in enumerate(('a', 'b', 'c<&>')):
    pictures = list(stubs.frames(T, seed=seed))
    stubs.write(root / f'real/{name}.mp4', pictures, stubs.sound(T))
    stubs.write(root / f'good/{name}.mp4', pictures, stubs.sound(T))
    still = stubs.frames(T, seed=seed, late=4)
    stubs.write(root / f'late/{name}.mp4', still, stubs.sound(T))
  for folder in ('real', 'good', 'late'):
    pictures = stubs.frames(T)
    stubs.write(root / f'{folder}/mute.mp4', pictures, stubs.sound(T))
  (root / 'late/mute.mp4').unlink()
  stubs.write(root / 'late/mute.mp4', stubs.frames(T))
  stubs.write(root / 'good/nobody.mp4', stubs.frames(T), stubs.sound(T))
  return root


def run(films, tmp_path, systems=('good', 'late'), **options):
  pairs, left_out = pairing.by_name(
    films / 'real', {s: films / s for s in systems}
  )
  work = tmp_path / 'work'
  work.mkdir()
  outcome = runner.run(
    pairs,
    systems,
    RULES,
    experts.MetricNetworks(),
    work,
    landmarker=stubs.Landmarker(),
    **options,
  )
  outcome.left_out += left_out
  return outcome


@pytest.fixture(scope='module')
def outcome(films, tmp_path_factory):
  return run(films, tmp_path_factory.mktemp('run'), players=True)


@pytest.fixture(scope='module')
def content(outcome):
  return content_lib.build(
    outcome, RULES, experts.MetricNetworks(), resamples=300
  )


def test_clip_that_fails_for_one_system_counts_for_none(outcome):
  assert [c.pair.name for c in outcome.clips] == ['a', 'b', 'c<&>']
  faults = {f.name: (f.reason, f.system) for f in outcome.left_out}
  assert faults['mute'] == ('no sound', 'late')
  assert faults['nobody'][0] == 'unpaired'


def test_equal_videos_score_as_equal(content):
  good = content['systems']['good']
  assert good['psnr']['value'] == 100
  assert good['ssim']['value'] == pytest.approx(1, abs=1e-6)  # float32
  assert good['lip_correlation']['value'] == pytest.approx(1)
  assert good['lip_distance']['value'] == 0
  assert good['lip_offset']['value'] == good['av_offset_to_real']['value'] == 0
  for name in ('cpbd', 'jitter', 'head_motion'):
    assert good[name]['value'] == content['real'][name]['value']


def test_late_lips_are_seen_as_late(content):
  late = content['systems']['late']
  assert late['lip_offset']['value'] == -4
  # Lips 4 frames behind the sound: the sound is 4 frames early.
  assert late['av_offset_to_real']['value'] == pytest.approx(-4)
  assert late['lip_correlation']['value'] < 0.8


def test_every_entry_has_what_a_number_rests_on(content):
  assert content['metrics'] == content['systems']['good']
  assert set(content['metrics']) == set(registry.METRICS)
  for name, entry in content['metrics'].items():
    if 'not_computed' in entry:
      assert entry['not_computed'], name
      continue
    assert entry['n'] == 3 and entry['frames'] == 3 * T
    assert entry['crop'] and entry['weights'] == {}
    low, high = entry['ci']
    assert low <= entry['value'] + 1e-9 and entry['value'] <= high + 1e-9
  assert 'syncnet_v2' in content['metrics']['lse_d']['not_computed']


def test_comparison_names_the_better_system(content):
  rows = {row['metric']: row for row in content['comparison']}
  for name in ('lip_correlation', 'lip_offset', 'lip_distance'):
    assert rows[name]['better'] == 'good', name
  assert rows['blink_rate']['better'] is None
  assert 'lse_d' not in rows


def test_json_is_plain_and_has_no_nan(content, tmp_path):
  content_lib.write(tmp_path, content)
  text = (tmp_path / content_lib.JSON).read_text()
  found = json.loads(text, parse_constant=lambda c: pytest.fail(c))
  assert {'metrics', 'clips', 'left_out'} <= set(found)
  assert found['clips'][0]['values']['good']['psnr'] == 100
  assert 'square of the real clip' in found['protocol']['crop_rule']


def test_markdown_and_page_say_it_all(outcome, content, tmp_path):
  with output.replacing(tmp_path / 'out', overwrite=False) as folder:
    output.fill(folder, outcome, content)
  out = tmp_path / 'out'
  text = (out / output.MARKDOWN).read_text()
  assert 'published, not re-measured' in text and '| SadTalker |' in text
  assert 'needs the weights of syncnet_v2' in text
  assert 'no sound' in text and 'unpaired' in text
  page = (out / 'index.html').read_text()
  assert 'c&lt;&amp;&gt;' in page and 'c<&>' not in page
  assert page.count('<svg') == page.count('</svg>') >= 8
  assert page.count('<video') == 9
  for i in range(3):
    assert (out / f'sheets/{i}.jpg').is_file()
    with PIL.Image.open(out / f'traces/{i}.jpg') as trace:
      assert trace.size == (3 * 256, 256)
    assert len(list((out / 'players').glob(f'{i}.*.mp4'))) == 3
  assert {p.name for p in out.iterdir()} == {
    'metrics.json',
    'metrics.md',
    'index.html',
    'sheets',
    'traces',
    'players',
  }
  head = tables.main_rows(content)[0]
  assert head[2:5] == ['real', 'good', 'late']


def test_crops_are_gone_when_their_clip_is_done(films, tmp_path):
  run(films, tmp_path, ('good',), only=('psnr',))
  left = [p.name for p in (tmp_path / 'work').rglob('*') if p.is_file()]
  assert set(left) == {'sheet.jpg', 'trace.jpg'} and len(left) == 8


def test_paths_of_landmarks_show_how_far_a_head_moves():
  frame = np.full((64, 64, 3), 100, np.uint8)
  still = np.full((5, 478, 3), 20.0)
  moving = still + np.linspace(0, 20, 5)[:, None, None]  # along the diagonal
  shown = [
    traces.panel(frame, points) for points in (still, moving, moving[:1])
  ]
  lines = [(panel != 35).any(-1) for panel in shown]
  y, x = np.nonzero(lines[1])
  assert lines[0].sum() == lines[2].sum() == 1 and (x == y).all()
  assert (x.min(), x.max()) == (80, 160) and len(x) >= 40
  first, last = shown[1][80, 80], shown[1][160, 160]
  assert first[2] > first[0] and last[0] > last[2]  # blue, yellow


def test_failing_metric_leaves_its_clip_out_of_all(
  films, tmp_path, monkeypatch
):
  real = runner.registry.MEASURES
  broken = next(m for m in real if m.name == 'head_motion')

  def fails(clip, system, networks):
    if clip.pair.name == 'b':
      raise ValueError('expected something else')
    return broken.numbers(clip, system, networks)

  changed = runner.dataclasses.replace(broken, numbers=fails)
  others = [m for m in real if m is not broken]
  monkeypatch.setattr(runner.registry, 'MEASURES', [*others, changed])
  found = run(films, tmp_path, ('good',), only=('psnr', 'head_motion'))
  assert [c.pair.name for c in found.clips] == ['a', 'c<&>', 'mute']
  fault = next(f for f in found.left_out if f.name == 'b')
  assert fault.reason == 'not measurable'
  assert len(found.numbers('psnr', 'good')) == 3


def test_features_of_sets_go_through_files(films, tmp_path, monkeypatch):
  metric = registry.METRICS['fid']

  def lips(clip, system, networks):
    return clip.sides[system].points[:, [13, 14], 1]

  measure = metric_lib.Measure((metric,), features=lips)
  monkeypatch.setattr(registry, 'MEASURES', [measure])
  found = run(films, tmp_path)
  content = content_lib.build(
    found, RULES, experts.MetricNetworks(), resamples=50
  )
  good, late = (content['systems'][s]['fid'] for s in ('good', 'late'))
  assert good['value'] == pytest.approx(0, abs=1e-6)
  assert late['value'] > 1e-4 and late['n'] == 3 and late['frames'] == 3 * T
  low, high = late['ci']
  assert 0 <= low <= late['value'] <= high
  assert late['interval_of'] == 'the linearised distance'
  (row,) = content['comparison']
  assert row['better'] == 'good' and row['n'] == 3
  assert content['real'] == {}


def test_no_clip_left_is_said_not_raised(films, tmp_path):
  found = run(films, tmp_path, ('good',), only=('psnr',))
  found.clips.clear()
  content = content_lib.build(
    found, RULES, experts.MetricNetworks(), only=('psnr',), resamples=10
  )
  assert content['metrics']['psnr'] == {'not_computed': 'no clip is left'}
  assert tables.markdown(content)


def test_unknown_metrics_are_refused():
  with pytest.raises(errors.InputError, match='expected names among'):
    runner.active(['beauty'])


def test_earlier_report_is_replaced_whole_or_not_at_all(tmp_path):
  out = tmp_path / 'out'
  with output.replacing(out, overwrite=False) as folder:
    (folder / content_lib.JSON).write_text('1')
  with pytest.raises(errors.InputError, match='overwrite'):
    output.check(out, overwrite=False)
  with pytest.raises(KeyboardInterrupt):
    with output.replacing(out, overwrite=True) as folder:
      (folder / content_lib.JSON).write_text('2')
      raise KeyboardInterrupt
  assert (out / content_lib.JSON).read_text() == '1'
  with output.replacing(out, overwrite=True) as folder:
    (folder / content_lib.JSON).write_text('3')
  assert (out / content_lib.JSON).read_text() == '3'
  assert [p.name for p in tmp_path.iterdir()] == ['out']
  (tmp_path / 'else').mkdir()
  (tmp_path / 'else/thesis.doc').touch()
  with pytest.raises(errors.InputError):
    output.check(tmp_path / 'else', overwrite=True)


def test_numbers_are_nan_where_undefined(outcome):
  assert np.isnan(outcome.numbers('lip_correlation', 'real')).all()
