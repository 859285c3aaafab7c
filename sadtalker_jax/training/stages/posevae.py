"""PoseVAE: head motion from sound and style (method 4.5, method 4.6).

A variational auto-encoder and a discriminator of motion. Poses come as
`PoseClips` of `input_pipeline` has them; statistics of the training set scale
the regression, so that the six channels count alike.
"""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np

from sadtalker_jax.face3d import coeffs as coeff_lib
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.losses import coeffs, gan
from sadtalker_jax.metrics import of_batches
from sadtalker_jax.models.sadtalker import posevae
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import config_parts, face_models, networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training.stages import judging
from sadtalker_jax.typing import Array, PRNGKey

_STEADY = 1e-4  # least standard deviation of a channel that is divided by
# Share of a batch's motion that is added to a clip's own before errors are
# divided by it: a head at rest is not known any more exactly.
_REST = 0.05


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoseVAELossConfig(config_lib.GanLossConfig):
  """Weights of PoseVAE's losses."""

  regression: Annotated[
    config_lib.Weight, 'Squared distance of motion, in standard deviations.'
  ]
  relative: Annotated[
    bool,
    "Whether errors count as shares of a clip's own motion, so that calm ones "
    'are learned as well as lively ones.',
  ]
  kl: Annotated[
    config_lib.Weight, 'Divergence of the posteriors from the prior.'
  ]
  aggregate: Annotated[
    config_lib.Weight, 'Divergence of all latents of a batch from the prior.'
  ]
  spread: Annotated[
    config_lib.Weight,
    'How far motion of samples is from the real one in size; rises after the '
    'divergences.',
  ]
  free_nats: Annotated[float, 'Divergence of a dimension that costs nothing.']
  kl_warmup_steps: Annotated[
    int, 'Steps over which the weights of both divergences rise.'
  ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoseVAEConfig(config_lib.TrainConfig):
  """Config of PoseVAE; the face model shows motion, and is not learned from."""

  morphable: config_parts.FaceModelConfig = dataclasses.field()
  loss: PoseVAELossConfig


@dataclasses.dataclass(frozen=True, eq=False)
class PoseVAEStage(stage_lib.Stage[PoseVAEConfig]):
  """PoseVAE is trained; `statistics` has `pose_delta_std` [6].

  It needs no frozen network: the audio encoder is a part of PoseVAE, see
  `warm_start.parts`.
  """

  def trained(self) -> Mapping[str, networks.Trained]:
    """PoseVAE, and a discriminator where it has a weight."""
    config = self.config
    length, latent = self.length, self.latent
    inputs = [(1, length, 6), (1, 6), (1,), (1, length, 80, 16, 1), (1, latent)]
    found = {
      'posevae': networks.trained(
        'posevae', config.model, config.dtype, inputs=inputs
      )
    }
    if config.loss.gan:
      judge = 'pose_discriminator'
      found[judge] = networks.trained(
        judge, {}, config.dtype, group='discriminator'
      )
    return found

  @property
  def length(self) -> int:
    """Frames of a clip."""
    return self.config.model.get('num_frames', posevae.NUM_FRAMES)

  @property
  def latent(self) -> int:
    """Numbers of the latent."""
    return self.config.model.get('latent_size', posevae.LATENT_SIZE)

  @functools.cached_property
  def scale(self) -> np.ndarray:
    """Standard deviations [6] of motion in the training set."""
    return np.maximum(
      np.asarray(self.statistics['pose_delta_std'], np.float32), _STEADY
    )

  @functools.cached_property
  def face(self) -> morphable.MorphableModel | None:
    """The face model of the coefficients; None where there is none to show."""
    return face_models.load_to_show(self.config.morphable)

  def data(self) -> Mapping[str, Any]:
    """The face model, which films alone use."""
    return {} if self.face is None else {'face': self.face}

  @property
  def shows_clips(self) -> bool:
    """Whether there is a face model to show motion with."""
    return self.face is not None

  def objective(
    self,
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    """The terms of method 4.5; `key` decides on the latents."""
    loss = self.config.loss
    told = _conditions(batch)
    noise = jax.random.normal(key, (len(told['motion']), self.latent))
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
    scale = self._scale_of(told['motion'])
    terms = {
      'regression': coeffs.squared_error(motion, told['motion'], scale),
      'kl': coeffs.divergence(*posterior, free=loss.free_nats),
      'aggregate': coeffs.aggregate_divergence(*posterior),
    }
    # Annealed: from the first step it would keep the posterior at the prior.
    taken = (step + 1).astype(jnp.float32)
    warmup = jnp.minimum(taken / max(loss.kl_warmup_steps, 1), 1.0)
    total = (
      loss.regression * terms['regression']
      + warmup * loss.kl * terms['kl']
      + warmup * loss.aggregate * terms['aggregate']
    )
    if loss.spread:
      true, drawn = self._sampled(nets, batch, jax.random.fold_in(key, 1))
      terms['spread'] = coeffs.spread_error(drawn / scale, true / scale)
      # Later still: of latents that say little it would enlarge noise.
      later = jnp.clip(taken / max(loss.kl_warmup_steps, 1) - 1, 0, 1)
      total += later * loss.spread * terms['spread']
    totals = {'model': total}
    if loss.gan:
      judge = 'pose_discriminator'
      made, true = motion / scale, told['motion'] / scale
      fake, real = nets(judge, made), nets(judge, true)
      more, weight = judging.helped(
        loss,
        lambda x: nets.steady(judge, x),
        made,
        true,
        others=lambda x: loss.regression * coeffs.squared_error(x, true),
        generator=gan.least_squares_generator,
      )
      terms['gan'] = gan.least_squares_generator(fake)
      own = gan.least_squares_discriminator(real, fake)
      terms |= {'discriminator': own, **more}
      totals = {
        'model': total + weight * terms['gan'],
        'discriminator': judging.penalised(own, more, loss),
      }
    return stage_lib.Losses(totals, terms)

  def _scale_of(self, motion: jax.Array) -> Array:
    """What errors of motion [B, T, 6] are divided by: [6] or [B, 1, 6]."""
    if not self.config.loss.relative:
      return self.scale
    # Motion that the pipeline changes is not that of the records' statistics.
    size = jnp.sqrt(jnp.square(motion).mean((0, 1))) + _STEADY
    own = jnp.square(motion / size).mean((1, 2), keepdims=True)
    return size * (jnp.sqrt(own) + _REST)

  def validate(
    self, nets: networks.Bound, batch: stage_lib.Batch, step: jax.Array
  ) -> stage_lib.Metrics:
    """Terms, and how like samples are to real motion."""
    del step
    key = jax.random.key(0)
    terms = self.objective(nets, batch, key, jnp.int32(10**9)).terms
    real, drawn = self._sampled(nets, batch, key)
    return {**terms, **of_batches.head_likeness(batch['mel'], drawn, real)}

  def summaries(
    self, nets: networks.Bound, batch: stage_lib.Batch
  ) -> stage_lib.Pictures:
    """Curves of real and drawn motion of the first clip."""
    real, drawn = self._sampled(nets, batch, jax.random.key(0))
    return {'motion': plots.curves(real[0], drawn[0], self.scale)}

  def clip(self, nets: networks.Bound, batch: stage_lib.Batch) -> jax.Array:
    """Film | face with the real head motion | face with a drawn one."""
    length = self.length
    parts = (len(batch['mel']) - 1) // length
    total = parts * length
    vectors = batch['coefficients'][1 : total + 1]
    own = coeff_lib.split(batch['coefficients'])
    pose = jnp.concatenate([own.angles, own.translation], axis=-1)  # [T, 6]
    reference = jnp.broadcast_to(pose[:1], (parts, 1, 6))
    chunks = pose[1 : total + 1].reshape(parts, length, 6)
    _, drawn = self._sampled(
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

  def _sampled(
    self, nets: networks.Bound, batch: stage_lib.Batch, key: PRNGKey
  ) -> tuple[jax.Array, jax.Array]:
    """Real motion, and one drawn from the prior, [B, T, 6] each."""
    told = _conditions(batch)
    sound = nets('posevae', told['mel'], method='encode_audio')
    drawn = nets(
      'posevae',
      jax.random.normal(key, (len(sound), self.latent)),
      told['reference'],
      told['style'],
      sound,
      method='decode',
      train=False,
    )
    return told['motion'], drawn.astype(jnp.float32)


def _conditions(batch: stage_lib.Batch) -> dict[str, jax.Array]:
  """Motion [B, T, 6] of a batch, and what the networks are given with it."""
  pose = batch['pose']  # [B, T + 1, 6]
  reference = pose[:, 0]
  return {
    'motion': pose[:, 1:] - reference[:, None],
    'reference': reference,
    'mel': batch['mel'][..., None],
    'style': batch['style'],
  }
