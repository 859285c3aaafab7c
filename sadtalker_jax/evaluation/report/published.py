"""The paper's tables (method 9.7), to be shown beside ours.

Zhang et al., SadTalker, CVPR 2023, tables 1, 3 and 4. Numbers as printed: the
evaluation code was never released, so crops, weights and details of these rows
are not known, and none of them was measured again.
"""

from collections.abc import Mapping, Sequence

NOTE = 'published, not re-measured'
SOURCE = 'SadTalker, CVPR 2023'
_TEST = 'HDTF, 346 videos, first 8 s'

Rows = Mapping[str, Mapping[str, float]]  # method -> metric -> value


def _rows(
  names: Sequence[str], rows: Mapping[str, Sequence[float | None]]
) -> Rows:
  return {
    method: {
      name: value
      for name, value in zip(names, values, strict=True)
      if value is not None
    }
    for method, values in rows.items()
  }


TABLES: Mapping[str, Rows] = {
  f'Table 1: {_TEST}': _rows(
    (
      'lse_c', 'lse_d', 'diversity', 'beat_align', 'fid', 'cpbd', 'csim',
    ),
    {
      'Real video': (8.211, 6.982, 0.259, 0.271, 0.000, 0.428, 1.000),
      'Wav2Lip': (10.221, 5.535, None, None, 21.725, 0.368, 0.849),
      'PC-AVS': (9.053, 6.355, None, None, 69.127, 0.206, 0.683),
      'MakeItTalk': (5.110, 10.059, 0.257, 0.268, 28.243, 0.283, 0.838),
      'Audio2Head': (7.357, 7.535, 0.181, 0.267, 24.392, 0.281, 0.823),
      'Wang et al. 2022': (4.932, 10.055, 0.226, 0.268, 22.432, 0.295, 0.811),
      'SadTalker': (7.290, 7.772, 0.278, 0.293, 22.057, 0.335, 0.843),
    },
  ),
  'Table 3: ExpNet': _rows(
    ('lse_c', 'lse_d'),
    {
      'Speech2Gesture': (0.878, 13.889),
      'full': (7.290, 7.772),
      'without first frame and lip reading': (5.241, 9.532),
      'without lip reading': (6.993, 7.841),
      'real coefficients instead of lip-only': (6.567, 8.061),
    },
  ),
  'Table 4: PoseVAE': _rows(
    ('diversity', 'beat_align'),
    {
      'Speech2Gesture': (0.1574, 0.274),
      'full, one style': (0.2735, 0.287),
      'without adversarial loss': (0.2500, 0.271),
      'without first pose': (0.2725, 0.278),
      'without sound': (0.2566, 0.274),
      'without any condition': (0.2631, 0.279),
      'full, mixed styles': (0.2778, 0.293),
    },
  ),
}  # fmt: skip
