"""PoseVAE: head motion from sound and style (reference 4.5 and 4.6).

A variational auto-encoder and a discriminator of motion. Poses come as
`input_pipeline`'s `PoseClips` gives them; statistics of the training set scale
the regression, so that the six channels count alike.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d import coeffs as coeff_lib
from sadtalker_jax.losses import coeffs, gan
from sadtalker_jax.models.sadtalker import posevae
from sadtalker_jax.training import face_models, networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import PRNGKey

_STEADY = 1e-4  # least standard deviation of a channel that is divided by


def needs(config: Mapping[str, Any]) -> tuple[str, ...]:
  """None: the ear is a part of PoseVAE, see `warm_start.parts`."""
  del config
  return ()


def recipe(
  config: Mapping[str, Any],
  frozen: Mapping[str, networks.Frozen],
  statistics: Mapping[str, Any],
) -> stage_lib.Recipe:
  """The recipe of the stage.

  Args:
    config: `model`: fields of PoseVAE; `dtype`; `loss`: weights `regression`,
      `kl`, `aggregate`, `gan`, and `free_nats`, `kl_warmup_steps`, the latter
      of both divergences; `morphable`: whose face is shown, see
      `face_models.load`.
    frozen: none are used.
    statistics: `pose_delta_std` [6] of the training set.
  """
  del frozen
  loss = config['loss']
  scale = np.maximum(
    np.asarray(statistics['pose_delta_std'], np.float32), _STEADY
  )
  model = {**config['model'], 'dtype': jnp.dtype(config['dtype'])}
  face = face_models.load(config['morphable'])

  def seen(batch: stage_lib.Batch) -> dict[str, jax.Array]:
    """What the networks are told of a batch."""
    pose = batch['pose']  # [B, T + 1, 6]
    reference = pose[:, 0]
    return {
      'motion': pose[:, 1:] - reference[:, None],
      'reference': reference,
      'mel': batch['mel'][..., None],
      'style': batch['style'],
    }

  def objective(
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    told = seen(batch)
    latent = config['model'].get('latent_size', posevae.LATENT_SIZE)
    noise = jax.random.normal(key, (len(told['motion']), latent))
    found = nets(
      'posevae',
      told['motion'],
      told['reference'],
      told['style'],
      told['mel'],
      noise,
    )
    motion = found.motion.astype(jnp.float32)
    posterior = (
      found.mean.astype(jnp.float32),
      found.log_variance.astype(jnp.float32),
    )
    terms = {
      'regression': coeffs.squared_error(motion, told['motion'], scale),
      'kl': coeffs.divergence(*posterior, free=loss['free_nats']),
      'aggregate': coeffs.aggregate_divergence(*posterior),
    }
    # Annealed: from the first step it would keep the posterior at the prior.
    taken = (step + 1).astype(jnp.float32)
    warmup = jnp.minimum(taken / max(loss['kl_warmup_steps'], 1), 1.0)
    total = (
      loss['regression'] * terms['regression']
      + warmup * loss['kl'] * terms['kl']
      + warmup * loss['aggregate'] * terms['aggregate']
    )
    totals = {'model': total}
    if loss['gan']:
      fake = nets('pose_discriminator', motion / scale)
      real = nets('pose_discriminator', told['motion'] / scale)
      terms['gan'] = gan.least_squares_generator(fake)
      terms['discriminator'] = gan.least_squares_discriminator(real, fake)
      totals = {
        'model': total + loss['gan'] * terms['gan'],
        'discriminator': terms['discriminator'],
      }
    return stage_lib.Losses(totals, terms)

  def sampled(
    nets: networks.Bound, batch: stage_lib.Batch, key: PRNGKey
  ) -> tuple[jax.Array, jax.Array]:
    """Real motion, and one drawn from the prior, [B, T, 6] each."""
    told = seen(batch)
    latent = config['model'].get('latent_size', posevae.LATENT_SIZE)
    sound = nets('posevae', told['mel'], method='encode_audio')
    drawn = nets(
      'posevae',
      jax.random.normal(key, (len(sound), latent)),
      told['reference'],
      told['style'],
      sound,
      method='decode',
      train=False,
    )
    return told['motion'], drawn.astype(jnp.float32)

  def validate(
    nets: networks.Bound, batch: stage_lib.Batch
  ) -> stage_lib.Metrics:
    """Terms, and how the spread of samples compares with that of real ones."""
    key = jax.random.key(0)
    terms = objective(nets, batch, key, jnp.int32(10**9)).terms
    real, drawn = sampled(nets, batch, key)
    spread = drawn.std((0, 1)) / jnp.maximum(real.std((0, 1)), _STEADY)
    names = ('pitch', 'yaw', 'roll', 'x', 'y', 'z')
    shares = {f'spread/{n}': spread[i] for i, n in enumerate(names)}
    return {**terms, **shares}

  def summaries(
    nets: networks.Bound, batch: stage_lib.Batch
  ) -> dict[str, jax.Array]:
    """Curves of real and drawn motion of the first clip."""
    real, drawn = sampled(nets, batch, jax.random.key(0))
    return {'motion': plots.curves(real[0], drawn[0], scale)}

  def clip(nets: networks.Bound, batch: stage_lib.Batch) -> jax.Array:
    """Film | face with the real head motion | face with a drawn one."""
    length = config['model'].get('num_frames', posevae.NUM_FRAMES)
    parts = (len(batch['mel']) - 1) // length
    total = parts * length
    vectors = batch['coefficients'][1 : total + 1]
    own = coeff_lib.split(batch['coefficients'])
    pose = jnp.concatenate([own.angles, own.translation], axis=-1)  # [T, 6]
    reference = jnp.broadcast_to(pose[:1], (parts, 1, 6))
    chunks = pose[1 : total + 1].reshape(parts, length, 6)
    _, drawn = sampled(
      nets,
      {
        'pose': jnp.concatenate([reference, chunks], axis=1),
        'mel': batch['mel'][1 : total + 1].reshape(parts, length, 80, 16),
        'style': jnp.repeat(batch['style'], parts),
      },
      jax.random.key(0),
    )
    moved = drawn.reshape(total, 6) + pose[:1]
    guess = coeff_lib.join(
      coeff_lib.split(vectors)._replace(
        angles=moved[:, :3], translation=moved[:, 3:]
      )
    )
    return plots.films(
      batch['frames'][1 : total + 1],
      *plots.faces(nets.data['face'], vectors, guess),
    )

  trained = {'posevae': networks.Trained('model', model, _inputs(config))}
  if loss['gan']:
    trained['pose_discriminator'] = networks.Trained(
      'discriminator', {'dtype': model['dtype']}
    )
  return stage_lib.Recipe(
    name='posevae',
    trained=trained,
    objective=objective,
    validate=validate,
    summaries=summaries,
    clip=clip,
    data={'face': face},
  )


def _inputs(config: Mapping[str, Any]) -> list[tuple[int, ...]]:
  """Shapes of example inputs of a PoseVAE of the config's size."""
  model = config['model']
  length = model.get('num_frames', posevae.NUM_FRAMES)
  latent = model.get('latent_size', posevae.LATENT_SIZE)
  return [(1, length, 6), (1, 6), (1,), (1, length, 80, 16, 1), (1, latent)]
