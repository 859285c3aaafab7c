"""HDR made here from SDR colours by the formulas of BT.2100."""

import av
import numpy as np
import pytest

from sadtalker_jax.media import tone_mapping, video

WHITE = 203.0  # cd/m^2
TAGS = {'PQ': 16, 'HLG': 18}


def _signals(light: np.ndarray, transfer: str) -> np.ndarray:
  """BT.2020 light [..., 3] in cd/m^2 as signals in [0, 1]."""
  if transfer == 'PQ':
    power = (light / 10000) ** (2610 / 16384)
    ratio = (3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)
    return ratio ** (2523 / 32)
  shown = light / 1000
  luma = shown @ [0.2627, 0.6780, 0.0593]
  scene = shown * np.maximum(luma, 1e-9)[..., None] ** (1 / 1.2 - 1)
  a, b, c = 0.17883277, 0.28466892, 0.55991073
  high = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
  return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


def _hdr(colours: np.ndarray, transfer: str) -> np.ndarray:
  """Signals, uint16 [N, 3], of what an SDR screen shows for uint8 [N, 3]."""
  to_709 = np.array(
    [
      [1.6605, -0.5876, -0.0728],
      [-0.1246, 1.1329, -0.0083],
      [-0.0182, -0.1006, 1.1187],
    ]
  )
  light = WHITE * (colours / 255) ** 2.4 @ np.linalg.inv(to_709).T
  return np.rint(65535 * _signals(light, transfer)).astype(np.uint16)


@pytest.mark.parametrize('transfer', TAGS)
def test_colours_that_sdr_has_come_back_from_a_file(tmp_path, transfer):
  rng = np.random.default_rng(0)
  colours = rng.integers(20, 170, (12, 3)).astype(np.uint8)
  path = tmp_path / 'hdr.mp4'
  quiet = {'crf': '4', 'x265-params': 'log-level=none'}
  with av.open(str(path), 'w') as container:
    stream = container.add_stream('libx265', rate=25, options=quiet)
    stream.width = stream.height = 64
    stream.pix_fmt = 'yuv420p10le'
    context = stream.codec_context
    context.color_trc = TAGS[transfer]
    context.color_primaries = context.colorspace = 9
    for colour in _hdr(colours, transfer):
      picture = np.broadcast_to(colour, (64, 64, 3)).copy()
      frame = av.VideoFrame.from_ndarray(picture, format='rgb48le')
      frame = frame.reformat(format='yuv420p10le', dst_colorspace=9)
      frame.color_trc = TAGS[transfer]
      frame.color_primaries = frame.colorspace = 9
      container.mux(stream.encode(frame))
    container.mux(stream.encode())
  reader = video.VideoReader(path)
  assert reader.info.hdr == transfer
  for colour, frame in zip(colours, reader, strict=True):
    # Where one colour is dark beside others, ten bits of YUV are few for it.
    away = np.abs(frame.astype(int) - colour)
    assert away.max() <= 6 and away.mean() <= 2, colour


@pytest.mark.parametrize('transfer', TAGS)
def test_greys_stay_grey_and_rise_to_white(transfer):
  grey = np.linspace(0, 65535, 200).astype(np.uint16)
  shown = tone_mapping.sdr(np.repeat(grey, 3).reshape(1, -1, 3), transfer)[0]
  assert np.ptp(shown.astype(int), axis=1).max() <= 1
  steps = np.diff(shown[:, 1].astype(int))
  assert (steps >= 0).all() and steps.max() <= 4
  assert shown[0].max() == 0 and shown[-1].min() >= 254
  page = _signals(np.full((1, 1, 3), WHITE), transfer)
  white = tone_mapping.sdr(np.rint(65535 * page).astype(np.uint16), transfer)
  assert 210 < white.min() < 250  # below what is brighter than a page
