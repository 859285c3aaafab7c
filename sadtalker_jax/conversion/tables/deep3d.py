"""Table of the face reconstruction network (method 11.4).

The released safetensors hold it under the prefix `face_3drecon.`, the file
`epoch_20.pth` under the key `net_recon`.
"""

from sadtalker_jax.conversion import rules
from sadtalker_jax.conversion.tables import backbones
from sadtalker_jax.models.sadtalker import recon


def _head(place: int, name: str) -> tuple[rules.Rule, ...]:
  """A linear layer, there a convolution of 1 x 1 pixels."""
  source = f'final_layers.{place}'
  return (
    rules.Rule(
      f'{name}/kernel', f'{source}.weight', 'raw', axes=(1, 0, None, None)
    ),
    rules.Rule(name, source),
  )


RECON = rules.Table(
  (
    *backbones.resnet('backbone/', 'backbone.'),
    *(
      rule
      for place, (name, _) in enumerate(recon.HEADS)
      for rule in _head(place, name)
    ),
  )
)

TABLES = {'recon': RECON}
