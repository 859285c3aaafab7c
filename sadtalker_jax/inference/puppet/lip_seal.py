"""Lips that meet when the jaw shuts, though the photo shows them apart.

A fit explains an open mouth in part by the jaw and in part by the shape of the
person, who could then never shut it. What is left between the lips when the jaw
is shut belongs to the jaw's own motion; then the lips lie over each other by a
hair, so that nothing shows between them. The photo's expression stays as it is.

Conventions: those of `fitted_head`.
"""

import numpy as np

from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.inference.puppet import fields, fitted_head, lip_line

# Units that part the lips; without them and the jaw a mouth is shut.
PARTING = (
  'mouthFunnel',
  'mouthLowerDownLeft',
  'mouthLowerDownRight',
  'mouthUpperUpLeft',
  'mouthUpperUpRight',
)
LEAST_JAW = 0.1  # opening of the jaw below which a photo's mouth counts as shut
LAP = 0.015  # decimetre that shut lips lie over each other
UPPER_SHARE = 0.3  # of the way that the upper lip goes
AWAY = 0.25  # decimetre from the lips at which skin stays where it is
PULL = 0.3  # decimetre over which the lips pull the skin along


def sealed(
  model: morphable.MorphableModel, head: fitted_head.FittedHead
) -> fitted_head.FittedHead:
  """The head with a jaw that shuts the lips; itself if the photo's are shut.

  Args:
    model: Head model.
    head: Fitted head.
  """
  jaw = model.expression_names.index('jawOpen')
  opening = float(head.beta[jaw])
  if opening < LEAST_JAW:
    return head
  gap = np.clip(shut_gaps(model, head) + LAP, 0.0, None)
  mean = np.asarray(model.mean, np.float64)
  # Distances are taken with the jaw open, as in `fitted_head`.
  space = mean + np.asarray(model.expression[jaw], np.float64)
  places = fitted_head.points468(model, space)
  rim = [*lip_line.UPPER_RIM, *lip_line.LOWER_RIM, *lip_line.CORNERS]
  lips = np.zeros((len(rim), 3))
  lips[: len(gap), 1] = -UPPER_SHARE * gap
  lips[len(gap) : 2 * len(gap), 1] = (1.0 - UPPER_SHARE) * gap
  apart = np.linalg.norm(places[:, None] - places[rim], axis=-1).min(1)
  still = np.flatnonzero(apart > AWAY)
  moved = fields.spread(
    np.concatenate([places[rim], places[still]]),
    np.concatenate([lips, np.zeros((len(still), 3))]),
    space,
    PULL,
  )
  inner = np.unique(
    np.asarray(model.triangles)[
      model.group('teeth_upper', 'teeth_lower', 'tongue')
    ]
  )
  moved[inner] = 0.0
  expression = np.array(head.expression)
  expression[jaw] -= moved / opening
  return head._replace(vertices=head.vertices + moved, expression=expression)


def shut_gaps(
  model: morphable.MorphableModel, head: fitted_head.FittedHead
) -> np.ndarray:
  """Distances [9] of the lips along the slit when the jaw is shut, decimetre.

  Negative where the lower lip would lie over the upper one.
  """
  beta = np.array(head.beta)
  names = model.expression_names
  beta[[names.index(name) for name in ('jawOpen', *PARTING)]] = 0.0
  shut = fitted_head.points468(model, head._replace(beta=beta).expressed())
  return shut[list(lip_line.UPPER_RIM), 1] - shut[list(lip_line.LOWER_RIM), 1]
