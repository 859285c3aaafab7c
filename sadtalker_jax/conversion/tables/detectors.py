"""Table of the face detector (method 6.7 and 11.4).

In `detection_Resnet50_Final.pth` names may start with `module.`; `rules` is
given them without it.
"""

from sadtalker_jax.conversion import rules
from sadtalker_jax.conversion.tables import backbones

_CONTEXT = {
  'near': 'conv3X3',
  'shared': 'conv5X5_1',
  'middle': 'conv5X5_2',
  'far_first': 'conv7X7_2',
  'far_second': 'conv7x7_3',
}
_HEADS = {'box': 'BboxHead', 'kind': 'ClassHead', 'points': 'LandmarkHead'}


def _conv_norm(path: str, source: str) -> tuple[rules.Rule, ...]:
  return (
    rules.Rule(f'{path}/conv', f'{source}.0'),
    rules.Rule(f'{path}/norm', f'{source}.1'),
  )


RETINAFACE = rules.Table(
  (
    *backbones.resnet('trunk/', 'body.'),
    *_conv_norm(r'lateral_(\d)', r'fpn.output\1'),
    *_conv_norm(r'merge_(\d)', r'fpn.merge\1'),
    *(
      rule
      for ours, theirs in _CONTEXT.items()
      for rule in _conv_norm(rf'context_(\d)/{ours}', rf'ssh\1.{theirs}')
    ),
    *(
      rules.Rule(rf'{ours}_(\d)', rf'{theirs}.\1.conv1x1')
      for ours, theirs in _HEADS.items()
    ),
  )
)

TABLES = {'retinaface': RETINAFACE}
