"""A bundle to a talking video, with small networks of noise.

What comes out looks like noise; that it comes out, moves, and does not depend
on batches and devices is what is tested. Released files of full size become a
video in the notebook `convert_weights`, which a test runs.
"""

import asyncio
import pathlib
import subprocess
import sys
from typing import Any
import wave

import av
import jax
import numpy as np
import pytest
from scipy import io

from configs import renderer
import infer
import sadtalker_jax
from sadtalker_jax.cli import export
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.media import audio
from sadtalker_jax.models import zoo
from tests import hlo
from tests.checkpoints import made

FRAMES = 2
SIZE = 64


def _weights() -> tuple[dict[str, Any], dict[str, Any]]:
  """Variables and fields of small networks, by name."""
  fields = dict(renderer.get_test_config().to_dict()['model'])
  fields['recon'] = {'blocks': (1, 1, 1, 1), 'features': 8}
  fields |= {'expnet': {}, 'posevae': {}}
  for name in ('head_pose_estimator', 'discriminator'):
    del fields[name]
  weights = {name: zoo.noise(name, **own) for name, own in fields.items()}
  # Noise as weights of recon is too strong: keypoints would lie outside.
  params = weights['recon']['params']
  for head in params.keys() - {'backbone'}:
    params[head] = jax.tree.map(lambda x: 0.01 * x, params[head])
  return weights, fields


@pytest.fixture(scope='module')
def bundle(tmp_path_factory) -> pathlib.Path:
  path = tmp_path_factory.mktemp('bundles') / 'small'
  return made.bundle(path, *_weights(), size=SIZE)


@pytest.fixture(scope='module')
def own(tmp_path_factory) -> sadtalker_jax.Animator:
  """A bundle of networks with the basis of the packaged head."""
  path = tmp_path_factory.mktemp('bundles') / 'own'
  made.bundle(path, *_weights(), size=SIZE, morphable='makehuman')
  return sadtalker_jax.Animator.from_pretrained(path, devices=jax.devices()[:1])


@pytest.fixture(scope='module')
def animator(bundle) -> sadtalker_jax.Animator:
  return sadtalker_jax.Animator(
    sadtalker_jax.load(str(bundle)), devices=jax.devices()[:1]
  )


def _sound(frames: int = FRAMES) -> tuple[np.ndarray, int]:
  """Sound with words, so that the track moves."""
  samples = audio.load(bundle_lib.SAMPLE_SPEECH)
  return samples[16000 : 16000 + 640 * frames], 16000


def _frames(animator: sadtalker_jax.Animator, **options: object) -> np.ndarray:
  clip = animator.animate(
    bundle_lib.SAMPLE_PORTRAIT,
    _sound(),
    sadtalker_jax.Options(size=SIZE, expression_scale=0.05, **options),
  )
  return np.stack(list(clip.frames())).astype(int)


@pytest.fixture(scope='module')
def frames(animator) -> np.ndarray:
  return _frames(animator, batch_size=FRAMES)


def test_frames_move_and_have_the_shape_of_the_crop(frames):
  assert frames.shape[0] == FRAMES
  assert frames.shape[2] == SIZE
  assert frames[0].std() > 5
  assert np.abs(frames[0] - frames[-1]).max() > 5


def test_batches_and_devices_change_nothing(bundle, frames):
  # Two devices, a frame each.
  split = sadtalker_jax.Animator(
    sadtalker_jax.load(str(bundle)), devices=jax.devices()[:2]
  )
  assert np.abs(_frames(split, batch_size=FRAMES) - frames).max() <= 1


def test_command_line_pastes_into_the_whole_picture(bundle, tmp_path):
  sound, output = tmp_path / 'short.wav', tmp_path / 'full.mp4'
  _write_wav(sound, _sound(1)[0])
  flags = ['--bundle', str(bundle), '--driven_audio', str(sound)]
  flags += ['--output', str(output), '--preprocess', 'full', '--still']
  flags += ['--size', str(SIZE)]
  assert infer.main([*flags, '--batch_size', '1']) == 0
  with av.open(str(output)) as file:
    stream = file.streams.video[0]
    assert (stream.width, stream.height) == (512, 600)
    assert sum(1 for _ in file.decode(video=0)) == 1


def test_geometry_video_shows_the_track_of_the_networks(
  animator, testdata, tmp_path
):
  # A stand-in of the Basel model with few vertices.
  with np.load(testdata / 'bfm_parity.npz') as shapes:
    arrays = dict(shapes)
  with np.load(testdata / 'bfm_parity_texture.npz') as textures:
    arrays |= dict(textures)
  prefix = 'bfm_model_'
  front = {
    k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)
  }
  model = tmp_path / 'BFM_model_front.mat'
  io.savemat(model, front)
  options = {'face3dvis': True, 'batch_size': 1, 'size': SIZE}
  with pytest.raises(sadtalker_jax.InputError, match='bfm_folder'):
    animator.animate(
      bundle_lib.SAMPLE_PORTRAIT, _sound(), sadtalker_jax.Options(**options)
    )
  clip = animator.animate(
    bundle_lib.SAMPLE_PORTRAIT,
    _sound(),
    sadtalker_jax.Options(**options, bfm_folder=model),
  )
  output = tmp_path / 'out.mp4'
  clip.write(iter(np.zeros((1, FRAMES, SIZE, SIZE, 3), np.uint8)), output)
  with av.open(str(tmp_path / 'out_face3dvis.mp4')) as file:
    frames = [f.to_ndarray(format='rgb24') for f in file.decode(video=0)]
  # Photo, face in its own texture and light, geometry.
  assert np.shape(frames) == (FRAMES, SIZE, 3 * SIZE, 3)


def test_learned_motion_drives_the_puppet(own):
  clips = {
    name: own(
      bundle_lib.SAMPLE_PORTRAIT,
      _sound(),
      motion=name,
      renderer='puppet',
      blink=False,
    )
    for name in ('learned', 'baseline')
  }
  learned, baseline = (clip.track for clip in clips.values())
  assert np.abs(learned - baseline).max() > 1e-3
  frames = np.stack(list(clips['learned'].frames())).astype(int)
  assert frames.shape[0] == FRAMES and frames.shape[2] == 256
  assert frames.std() > 20  # the photo, not noise


def test_baseline_motion_drives_the_networks(own):
  choices = {'size': SIZE, 'batch_size': FRAMES, 'renderer': 'neural'}
  clip = own(bundle_lib.SAMPLE_PORTRAIT, _sound(), motion='baseline', **choices)
  frames = np.stack(list(clip.frames())).astype(int)
  assert frames.shape[0] == FRAMES and frames.shape[2] == SIZE
  # Rows of the portrait as the reconstruction network measured it.
  assert clip.track.shape == (FRAMES, 70)
  assert clip.portrait.row.shape == (73,)


def test_face_models_that_differ_are_refused(animator):
  with pytest.raises(sadtalker_jax.InputError, match='makehuman.*bfm'):
    animator(
      bundle_lib.SAMPLE_PORTRAIT,
      _sound(),
      motion='learned',
      renderer='puppet',
    )


def test_another_size_is_refused_before_anything_runs(bundle, capsys):
  flags = ['--bundle', str(bundle), '--size', '512', '--output', 'x.mp4']
  assert infer.main(flags) == 2
  assert f'size: expected {SIZE}' in capsys.readouterr().err


def test_export_runs_without_this_package(bundle, tmp_path):
  folder = tmp_path / 'exported'
  flags = ['--bundle', str(bundle), '--output', str(folder)]
  assert export.main([*flags, '--batch_size', '1']) == 0
  code = f"""
import sys
import jax, numpy as np
def program(name):
  with open({str(folder)!r} + '/' + name, 'rb') as file:
    return jax.export.deserialize(bytearray(file.read())).call
weights = list(np.load({str(folder)!r} + '/weights.npz').values())
image = np.full((1, {SIZE}, {SIZE}, 3), 128, np.uint8)
window = np.zeros((1, 27, 70), np.float32)
angles = np.full((1, 3), np.nan, np.float32)
source = program('prepare.bin')(weights, image, window)
frames = program('render.bin')(weights, source, window, angles)
assert frames.shape == (1, {SIZE}, {SIZE}, 3) and frames.dtype == np.uint8
assert 'sadtalker_jax' not in sys.modules and 'flax' not in sys.modules
"""
  subprocess.run(
    [sys.executable, '-I', '-c', code], check=True, timeout=600, cwd=tmp_path
  )


def test_export_ships_to_each_platform_its_own_form(bundle, tmp_path):
  folder = tmp_path / 'exported'
  flags = ['--bundle', str(bundle), '--output', str(folder)]
  flags += ['--batch_size', '2', '--platforms', 'cuda', 'tpu', 'cpu']
  assert export.main(flags) == 0
  ranks, parts = {}, {}
  for name in ('cuda', 'tpu', 'cpu'):
    program = jax.export.deserialize(
      bytearray((folder / name / 'render.bin').read_bytes())
    )
    assert program.platforms == (name,)
    shapes = hlo.convolutions(program.mlir_module())
    ranks[name] = {len(shape) for shape in shapes}
    with np.load(folder / name / 'weights.npz') as weights:
      parts[name] = [array.shape for array in weights.values()]
  # TPUs alone have convolutions in three dimensions (3 is MappingNet's in
  # one). Kernels for a CPU are transformed, those for a GPU turned.
  assert ranks == {'cuda': {3, 4}, 'tpu': {3, 4, 5}, 'cpu': {3, 4}}
  assert len(parts['cuda']) == len(parts['tpu']) != len(parts['cpu'])
  cuda, tpu = ([sorted(x) for x in parts[name]] for name in ('cuda', 'tpu'))
  assert parts['cuda'] != parts['tpu'] and cuda == tpu


def _write_wav(path: pathlib.Path, samples: np.ndarray) -> None:
  with wave.open(str(path), 'wb') as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(16000)
    file.writeframes((samples * 32767).astype('<i2').tobytes())


def test_a_stream_with_all_that_networks_look_ahead_draws_the_clip(animator):
  """Sound to expression to frame; heads lag in streams, and are still here."""
  options = {'still': True, 'blink': False, 'motion': 'learned', 'mark': 'off'}
  count = 18
  clip = animator.animate(
    bundle_lib.SAMPLE_PORTRAIT,
    _sound(count),
    sadtalker_jax.Options(
      size=SIZE, expression_scale=0.05, batch_size=1, **options
    ),
  )
  want = np.stack(list(clip.frames())).astype(int)

  def streamed(ahead: float) -> np.ndarray:
    async def run() -> list[np.ndarray]:
      session = animator.stream(
        bundle_lib.SAMPLE_PORTRAIT,
        sadtalker_jax.Options(size=SIZE, expression_scale=0.05, **options),
        look_ahead=ahead,
        paced=False,
      )
      async with session:
        await session.push(_sound(count)[0])
        session.end()
        return [part.frame async for part in session]

    return np.stack(asyncio.run(run())).astype(int)

  near = np.abs(streamed(0.52)[:4] - want[:4]).mean()
  far = np.abs(streamed(0.12)[:4] - want[:4]).mean()
  assert near < 1 and far > 5
