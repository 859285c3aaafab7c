"""Numbers and layouts that the whole project shares; numpy is all it needs.

**Coefficients of a face** (method 1.2). The full vector has 257 numbers:

    0:80     identity     weights of the identity basis
    80:144   expression   weights of the expression basis
    144:224  texture      weights of the texture basis
    224:227  angles       (rx, ry, rz), radian, see `ops.rotation`
    227:254  gamma        illumination, 3 colour channels of 9 SH numbers
    254:257  translation  model units (decimetre)

The vectors that drive a face are rows of 70 = expression (64), angles (3),
translation (3), and of 73 = the same and the crop (scale, tx, ty), the last
three numbers of `face3d.alignment.TransParams`. A pose has 6 = angles,
translation. Slices always act on the last axis.

**Time**. Networks and records know 25 frames a second and sound of 16 kHz, so
640 samples a frame. Renderers look at windows of 27 rows around each frame.
"""

from typing import Literal

import numpy as np

IDENTITY_SIZE = 80
EXPRESSION_SIZE = 64
TEXTURE_SIZE = 80
GAMMA_SIZE = 27
FULL_SIZE = 257
ROW_SIZE = 70
CROP_ROW_SIZE = 73
POSE_SIZE = 6

# Places in the full vector.
IDENTITY = slice(0, 80)
EXPRESSION = slice(80, 144)
TEXTURE = slice(144, 224)
ANGLES = slice(224, 227)
GAMMA = slice(227, 254)
TRANSLATION = slice(254, 257)
POSE = (*range(224, 227), *range(254, 257))  # angles, translation

# Places in the 70-d and the 73-d row.
ROW_EXPRESSION = slice(0, 64)
ROW_ANGLES = slice(64, 67)
ROW_TRANSLATION = slice(67, 70)
ROW_POSE = slice(64, 70)
ROW_CROP = slice(70, 73)

FRAME_RATE = 25  # frames a second of networks, records and measurements
SAMPLE_RATE = 16_000  # samples a second of sound
SAMPLES_PER_FRAME = SAMPLE_RATE // FRAME_RATE

WINDOW_RADIUS = 13  # rows on each side of a frame's (method 1.3)
WINDOW = 2 * WINDOW_RADIUS + 1

NUM_STYLES = (
  46  # rows of the published table of head-motion styles (method 4.1)
)

# Stages of training, in the order in which one needs the other.
StageName = Literal[
  'syncnet', 'wav2lip', 'recon', 'expnet', 'posevae', 'renderer', 'mapping',
  'lipnet',
]  # fmt: skip


def window_places(places: np.ndarray, num_rows: int) -> np.ndarray:
  """Rows that a renderer looks at around each frame (method 1.3).

  Frame t sees rows t - 13 to t + 13; the ends are repeated.

  Args:
    places: [N] frames, 0 to `num_rows` - 1.
    num_rows: T, rows of the track.

  Returns:
    [N, 27] indices into the track.
  """
  reach = np.arange(-WINDOW_RADIUS, WINDOW_RADIUS + 1)
  return np.clip(np.asarray(places)[:, None] + reach, 0, num_rows - 1)
