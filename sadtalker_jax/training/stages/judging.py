"""What a discriminator adds to the losses of a stage (method 5.10, method 4.5).

As published: its score, its maps, its own loss. As options, off by default: R1
and a weight that adapts (`config.GanLossConfig`).
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sadtalker_jax.losses import gan
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import networks
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training.stages import drawing


class GanLosses(NamedTuple):
  """The losses of both sides of a GAN, functions of scores."""

  generator: Callable[[jax.Array], jax.Array]  # of fake ones
  discriminator: Callable[[jax.Array, jax.Array], jax.Array]  # real, fake


GAN_LOSSES: Mapping[str, GanLosses] = {
  'hinge': GanLosses(gan.hinge_generator, gan.hinge_discriminator),
  'least_squares': GanLosses(
    gan.least_squares_generator, gan.least_squares_discriminator
  ),
}


def of_pictures(
  nets: networks.Bound,
  picture: jax.Array,
  target: jax.Array,
  terms: dict[str, jax.Array],
  weights: Mapping[str, Any],
  config: drawing.DrawingConfig,
  share: jax.Array | float = 1.0,
) -> stage_lib.Losses:
  """Totals of the terms, and those of a discriminator if it has a weight.

  Args:
    nets: Networks, with 'discriminator'.
    picture: Drawn ones, [B, S, S, 3].
    target: Real ones.
    terms: Terms of the generator so far.
    weights: Weights of all terms by name; without a weight of 'gan' there is no
      discriminator.
    config: Config of the stage.
    share: Share of the discriminator's terms in the generator's total.
  """
  total = stage_lib.weighted(terms, weights)
  if not weights['gan']:
    return stage_lib.Losses({'model': total}, terms)
  losses, loss = GAN_LOSSES[config.gan_kind], config.loss
  fake, real = nets('discriminator', picture), nets('discriminator', target)
  found = {
    'gan': losses.generator(fake.scores.astype(jnp.float32)),
    'feature_matching': gan.feature_matching(
      [m.astype(jnp.float32) for m in real.maps],
      [m.astype(jnp.float32) for m in fake.maps],
    ),
  }
  own = losses.discriminator(
    real.scores.astype(jnp.float32), fake.scores.astype(jnp.float32)
  )
  more, weight = helped(
    loss,
    lambda x: nets.steady('discriminator', x).scores,
    picture,
    target,
    others=lambda x: stage_lib.weighted(
      drawing.compared(nets, x, target, loss), weights
    ),
    generator=losses.generator,
  )
  total += share * stage_lib.weighted(found, {**weights, 'gan': weight})
  return stage_lib.Losses(
    {'model': total, 'discriminator': penalised(own, more, loss)},
    {**terms, **found, 'discriminator': own, **more},
  )


def helped(
  loss: config_lib.GanLossConfig,
  judge: Callable[[jax.Array], jax.Array],
  made: jax.Array,
  real: jax.Array,
  *,
  others: Callable[[jax.Array], jax.Array],
  generator: Callable[[jax.Array], jax.Array],
) -> tuple[dict[str, jax.Array], jax.Array | float]:
  """Terms of the options that have a weight, and the weight of the score.

  Args:
    loss: Weights of the stage.
    judge: Scores of examples, a function that moves no statistics.
    made: What the generator made, [B, ...].
    real: Real examples, likewise.
    others: Sum of the weighted terms that compare `made` with real examples.
    generator: Loss of the generator, a function of scores.
  """
  terms: dict[str, jax.Array] = {}
  weight: jax.Array | float = loss.gan

  def scores(x: jax.Array) -> jax.Array:
    return judge(x).astype(jnp.float32)

  if loss.r1:
    terms['r1'] = gan.gradient_penalty(scores, real)
  if loss.gan_adaptive:
    terms['gan_factor'] = gan.adaptive_factor(
      others,
      lambda x: loss.gan * generator(scores(x)),
      made,
      loss.gan_adaptive,
    )
    weight = loss.gan * terms['gan_factor']
  return terms, weight


def penalised(
  own: jax.Array,
  terms: Mapping[str, jax.Array],
  loss: config_lib.GanLossConfig,
) -> jax.Array:
  """What a discriminator minimises: its loss, and R1 if it has a weight."""
  return own + loss.r1 * terms['r1'] if loss.r1 else own
