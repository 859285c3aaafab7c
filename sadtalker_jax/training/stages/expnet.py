"""ExpNet: expression from sound (method 3.4, method 3.5).

Batches are `ExpressionWindows` of `input_pipeline`. The face model is that of
the records' coefficients; landmarks need no rasteriser, lip reading does. The
lip reader uses two frames before and after each, so with it the two frames at
each end of a window are its context, and no other term counts them.
"""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Annotated, Any

import jax
import jax.numpy as jnp

from sadtalker_jax import errors
from sadtalker_jax.face3d import coeffs, renderer
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.losses import coeffs as coeff_losses
from sadtalker_jax.losses import landmarks, sync
from sadtalker_jax.metrics import of_batches
from sadtalker_jax.models.experts import lipreader
from sadtalker_jax.training import config as config_lib
from sadtalker_jax.training import config_parts, face_models, networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.training.stages import mouths
from sadtalker_jax.typing import PRNGKey

_CONTEXT = 2  # frames on both sides, half of the lip reader's kernel of 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExpNetLossConfig(config_lib.LossConfig):
  """Weights of ExpNet's losses."""

  distill: Annotated[
    config_lib.Weight, 'Squared distance from the target expression.'
  ]
  landmarks: Annotated[
    config_lib.Weight, 'Squared distance of landmarks, without the eyes.'
  ]
  eyes: Annotated[
    config_lib.Weight, 'Openness of the eyes against the blink signal.'
  ]
  read: Annotated[
    config_lib.Weight, 'Distance in the lip reader; 0: it is not needed.'
  ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExpNetConfig(config_lib.TrainConfig):
  """Config of ExpNet."""

  morphable: config_parts.FaceModelConfig = dataclasses.field()
  loss: ExpNetLossConfig


@dataclasses.dataclass(frozen=True, eq=False)
class ExpNetStage(stage_lib.Stage[ExpNetConfig]):
  """ExpNet is trained."""

  @classmethod
  def needs(cls, config: ExpNetConfig) -> tuple[str, ...]:
    """The lip reader, where its term has a weight."""
    return ('lipreader',) if config.loss.read else ()

  def trained(self) -> Mapping[str, networks.Trained]:
    """ExpNet."""
    config = self.config
    return {'expnet': networks.trained('expnet', config.model, config.dtype)}

  @functools.cached_property
  def face(self) -> morphable.MorphableModel | None:
    """The face model of the coefficients; None where there is none to show."""
    loss = self.config.loss
    if loss.landmarks or loss.eyes or loss.read:
      return face_models.load(self.config.morphable)
    return face_models.load_to_show(self.config.morphable)

  @property
  def shows_clips(self) -> bool:
    """Whether there is a face model."""
    return self.face is not None

  def data(self) -> Mapping[str, Any]:
    """The face model, and its landmarks alone."""
    if self.face is None:
      return {}
    return {'points': landmarks.of_model(self.face), 'face': self.face}

  def objective(
    self,
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    """The terms of method 3.4, and how like the lips' gaps are in speech.

    Without a face model, which none with a weight needs, `distill` alone.
    """
    del key, step
    return self._losses(nets, batch, reads=bool(self.config.loss.read))

  def validate(
    self, nets: networks.Bound, batch: stage_lib.Batch, step: jax.Array
  ) -> stage_lib.Metrics:
    """The same without the lip reader: windows are long, faces cost much."""
    del step
    totals, terms = self._losses(nets, batch, reads=False)
    return {**terms, 'total/model': totals['model']}

  def _losses(
    self, nets: networks.Bound, batch: stage_lib.Batch, *, reads: bool
  ) -> stage_lib.Losses:
    loss = self.config.loss
    whole = _predict(nets, batch), batch['target']
    found, target = map(self._inner, whole)
    distill = coeff_losses.squared_error(found, target)
    if 'face' not in nets.data:
      return stage_lib.Losses(
        {'model': loss.distill * distill}, {'distill': distill}
      )
    ours = _points(nets, batch, found)
    theirs = _points(nets, batch, target)
    rest = _points(nets, batch, batch['reference'][:, None])  # [B, 1, 68, 2]
    openness = 1 - self._inner(batch['blink'])[..., None]  # [B, N, 1]
    wanted = openness * landmarks.eye_aspect_ratio(rest)
    terms = {
      'distill': distill,
      'landmarks': landmarks.weighted_error(
        ours, theirs, landmarks.WITHOUT_EYES
      ),
      'eyes': jnp.abs(landmarks.eye_aspect_ratio(ours) - wanted).mean(),
    }
    if reads:
      terms['read'] = sync.feature_distance(
        *(self._read(nets, batch, expression) for expression in whole)
      )
    total = stage_lib.weighted(terms, loss.by_term())
    terms |= of_batches.lip_likeness(
      landmarks.lip_gap(ours),
      landmarks.lip_gap(theirs),
      of_batches.in_speech(self._inner(batch['mel'])),
    )
    return stage_lib.Losses({'model': total}, terms)

  def summaries(
    self, nets: networks.Bound, batch: stage_lib.Batch
  ) -> stage_lib.Pictures:
    """Target faces of the first example above predicted ones."""
    if 'face' not in nets.data:
      return {}
    first = {k: v[:1] for k, v in batch.items()}
    rows = [
      plots.side_by_side(list(_rendered(nets, first, expression).image))
      for expression in (first['target'], _predict(nets, first))
    ]
    return {'faces': jnp.concatenate(rows)}

  def clip(self, nets: networks.Bound, batch: stage_lib.Batch) -> jax.Array:
    """Film | face of the real coefficients | face of the expression found."""
    vectors = batch['coefficients']  # [T, 257]
    real = coeffs.split(vectors)
    found = _predict(
      nets,
      {
        'mel': batch['mel'][None],
        'reference': jnp.asarray(real.expression)[:1],
        'blink': batch['blink'][None],
      },
    )[0]
    guess = coeffs.join(real._replace(expression=found))
    return plots.films(
      batch['frames'], *plots.faces(nets.data['face'], vectors, guess)
    )

  def _read(
    self, nets: networks.Bound, batch: stage_lib.Batch, expression: jax.Array
  ) -> jax.Array:
    """Features of the lip reader of the frames that count, [B, N, 512]."""
    drawn = _rendered(nets, batch, expression)
    shown = mouths.cut(drawn.image, drawn.landmarks)
    clips = shown.reshape(*expression.shape[:2], *shown.shape[1:])
    found = nets(
      'lipreader',
      lipreader.preprocess(255 * clips),
      method='features',
      train=False,
    )
    return self._inner(found)

  def _inner(self, frames: jax.Array) -> jax.Array:
    """The frames of [B, N, ...] that count."""
    context = _CONTEXT if self.config.loss.read else 0
    length = frames.shape[1]
    if length <= 2 * context:
      raise errors.InputError(
        'data.options.num_frames: expected more than the '
        f'{2 * context} that only the lip reader sees, found {length}'
      )
    return frames[:, context : length - context]


def _predict(nets: networks.Bound, batch: stage_lib.Batch) -> jax.Array:
  """Expression [B, N, 64] of every frame."""
  mel = batch['mel']
  count, length = mel.shape[:2]
  found = nets(
    'expnet',
    mel.reshape(count * length, *mel.shape[2:])[..., None],
    jnp.repeat(batch['reference'], length, axis=0),
    batch['blink'].reshape(-1, 1),
  )
  return found.astype(jnp.float32).reshape(count, length, -1)


def _faces(
  batch: stage_lib.Batch, expression: jax.Array
) -> coeffs.Coefficients:
  """Frame 0 of each clip, with expressions [B, N, 64]."""
  shape = expression.shape[:2]
  own = coeffs.split(batch['coefficients'])
  return coeffs.Coefficients(
    *(jnp.broadcast_to(x[:, None], (*shape, x.shape[-1])) for x in own)
  )._replace(expression=expression)


def _points(
  nets: networks.Bound, batch: stage_lib.Batch, expression: jax.Array
) -> jax.Array:
  """Landmarks [B, N, 68, 2]."""
  return landmarks.project(nets.data['points'], _faces(batch, expression))


def _rendered(
  nets: networks.Bound, batch: stage_lib.Batch, expression: jax.Array
) -> renderer.Rendering:
  """Grey faces [B N, 224, 224, 3] and their landmarks."""
  vectors = coeffs.join(_faces(batch, expression))
  return renderer.render(
    nets.data['face'], vectors.reshape(-1, vectors.shape[-1]), look='geometry'
  )
