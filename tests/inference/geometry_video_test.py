"""The geometry video, on the portrait and the head that ship."""

import dataclasses
import pathlib
import wave

import av
import jax.numpy as jnp
import numpy as np
import pytest

import infer
import sadtalker_jax
from sadtalker_jax import conventions, errors
from sadtalker_jax.face3d import camera, coeffs, regions
from sadtalker_jax.face3d.bases import makehuman
from sadtalker_jax.inference import bundle, geometry_video, rendering, tracks
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait as portrait_lib
from sadtalker_jax.inference.neural import neural_portrait
from sadtalker_jax.inference.puppet import puppet_renderer

SIZE, BATCH = 256, 8  # as the command line has them: one compilation
FRAMES = 5


@pytest.fixture
def sound(tmp_path) -> str:
  """Noise as long as the frames."""
  samples = np.random.default_rng(0).normal(0, 3000, 640 * FRAMES)
  path = tmp_path / 'sound' / 'noise.wav'
  path.parent.mkdir()
  with wave.open(str(path), 'wb') as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(16000)
    file.writeframes(samples.astype('<i2').tobytes())
  return str(path)


@pytest.fixture
def plain(monkeypatch):
  """A puppet that draws nothing, which needs no compilation."""

  def render(self, portraits, inputs):
    height, width = portraits[0].frame
    return jnp.zeros((len(inputs[0]), height, width, 3), jnp.uint8)

  monkeypatch.setattr(puppet_renderer.PuppetRenderer, 'prepare', _prepare)
  monkeypatch.setattr(puppet_renderer.PuppetRenderer, 'render', render)


def _prepare(self, portrait):
  frame = portrait.frame_size[::-1]
  return puppet_renderer.PreparedPuppet(None, (0, 0), 0, frame)


def _read(path: pathlib.Path) -> tuple[np.ndarray, set[str]]:
  with av.open(str(path)) as file:
    kinds = {stream.type for stream in file.streams}
    frames = [f.to_ndarray(format='rgb24') for f in file.decode(video=0)]
  return np.stack(frames).astype(int), kinds


def test_command_line_writes_a_second_video_with_sound(
  tmp_path, sound, plain, capsys
):
  output = tmp_path / 'out' / 'talk.mp4'
  output.parent.mkdir()
  flags = ['--driven_audio', sound, '--output', str(output), '--face3dvis']
  assert infer.main(flags) == 0
  second = output.parent / 'talk_face3dvis.mp4'
  assert sorted(p.name for p in output.parent.iterdir()) == sorted(
    [output.name, second.name]
  )
  assert str(second) in capsys.readouterr().out
  frames, kinds = _read(second)
  assert frames.shape == (FRAMES, 256, 512, 3)
  assert kinds == {'video', 'audio'}
  photo, face = frames[:, :, :256], frames[:, :, 256:]
  assert np.abs(photo - photo[0]).max() < 30  # nothing but the codec moves
  assert photo[0].std() > 40
  # Grey: the codec keeps colours apart by a few levels only.
  assert np.abs(face - face.mean(-1, keepdims=True)).mean() < 2
  assert np.abs(face[0, :40, :20] - 255 * 0.12).max() < 8  # background
  assert face[0, 128, 128].mean() > 90
  job = sadtalker_jax.detect(output).payload
  assert sadtalker_jax.detect(second).payload == job is not None


def test_existing_second_video_stops_before_the_first(
  tmp_path, sound, plain, capsys
):
  second = tmp_path / 'talk_face3dvis.mp4'
  second.write_bytes(b'old')
  output = tmp_path / 'talk.mp4'
  flags = ['--driven_audio', sound, '--output', str(output), '--face3dvis']
  assert infer.main(flags) == 2
  assert 'talk_face3dvis.mp4' in capsys.readouterr().err
  assert not output.exists() and second.read_bytes() == b'old'


# --- what is drawn ------------------------------------------------------------


def _stream(drawer, source, rows, batch_size) -> np.ndarray:
  clip = rendering.RenderJob(drawer, drawer.prepare(source), tracks.still(rows))
  parts = rendering.stream([clip], batch_size)
  return np.concatenate([part.frames for part in parts]).astype(int)


@pytest.fixture(scope='module')
def frames(portrait) -> np.ndarray:
  drawer = geometry_video.GeometryRenderer(bundle.load().model, SIZE)
  rows = portrait.rows({}, {'jawOpen': 0.7}, {'yaw': 15.0}, *[{}] * BATCH)
  return _stream(drawer, portrait.source, rows, BATCH)


def test_drawn_face_covers_the_face_of_the_photo(portrait, frames):
  source = portrait.source
  aligned = np.asarray(
    camera.picture_to_aligned(source.landmarks[:, :2], source.trans)
  )
  points = np.stack([aligned[:, 0], 224 - aligned[:, 1]], -1) * SIZE / 224
  skin = regions.skin_mask(points, (SIZE, SIZE)) == 1
  drawn = frames[0, :, SIZE:] != round(255 * 0.12)
  assert skin.sum() > 0.1 * SIZE**2
  assert drawn.any(-1)[skin].mean() > 0.97
  # The photo has the face at the same place: its skin is red there.
  photo = frames[0, :, :SIZE][skin]
  assert photo[:, 0].mean() > photo[:, 2].mean() + 30


def test_coefficients_move_the_face_and_not_the_photo(frames):
  photo, face = frames[:, :, :SIZE], frames[:, :, SIZE:]
  assert (photo == photo[:1]).all()
  jaw = np.abs(face[1] - face[0]).max(-1)
  assert jaw[SIZE // 2 :].sum() > 10 * jaw[: SIZE // 2].sum() > 0
  assert np.abs(face[2] - face[0]).mean() > 3
  np.testing.assert_array_equal(face[-1], face[0])  # of another batch


def _square_source() -> neural_portrait.SquarePortrait:
  """A portrait as the networks measured it, in a square of 224 pixels."""
  rng = np.random.default_rng(0)
  square = rng.integers(0, 256, (224, 224, 3), np.uint8)
  full = rng.normal(0, 0.3, 257).astype(np.float32)
  full[conventions.EXPRESSION] = full[conventions.ANGLES] = 0
  full[conventions.TRANSLATION] = 0
  # Ten pixels to the right of the middle of the aligned frame, and up.
  row = np.concatenate([np.zeros(70), [1.0, 102.0, 102.0]])
  window = portrait_lib.Window(
    (0, 0, 224, 224), (224, 224), (False,) * 4, False
  )
  return neural_portrait.SquarePortrait(
    square, np.zeros((68, 2)), window, square, full, row.astype(np.float32)
  )


def test_networks_source_is_drawn_in_its_own_texture_and_light():
  model = makehuman.load()
  count = model.num_vertices
  red = np.zeros((80, count, 3), np.float32)
  textured = dataclasses.replace(
    model,
    texture_mean=np.tile(np.float32([0.8, 0.2, 0.2]), (count, 1)),
    texture_basis=red,
  )
  source = _square_source()
  drawer = geometry_video.GeometryRenderer(textured, 224)
  prepared = drawer.prepare(source)
  np.testing.assert_array_equal(
    prepared.photo[:214, 10:], source.square[10:, :214]
  )
  rows = np.zeros((1, 70), np.float32)
  rows[:, conventions.ROW_ANGLES.start + 1] = 0.2
  track = tracks.Track(rows, np.full((1, 3), np.nan))
  (vectors,) = drawer.inputs(prepared, track, np.array([0]))
  part, own = coeffs.split(vectors[0]), coeffs.split(source.coefficients)
  np.testing.assert_array_equal(part.identity, own.identity)
  np.testing.assert_array_equal(part.gamma, own.gamma)
  assert part.angles.tolist() == [0, np.float32(0.2), 0]
  (frame,) = _stream(
    geometry_video.GeometryRenderer(textured, 64), source, rows, 1
  )
  assert frame.shape == (64, 3 * 64, 3)
  middle = frame[28:36, 64 + 32]
  assert (middle[:, 0] > middle[:, 1]).all()


def test_networks_need_the_basel_model(tmp_path):
  with pytest.raises(errors.InputError, match='bfm_folder'):
    geometry_video.model_of('bfm', bundle.load(), options_lib.Options())
  nothing = options_lib.Options(bfm_folder=tmp_path / 'nothing.mat')
  with pytest.raises(errors.InputError, match='nothing.mat'):
    geometry_video.model_of('bfm', bundle.load(), nothing)
  with pytest.raises(errors.InputError, match='ict'):
    geometry_video.model_of('ict', bundle.load(), nothing)
