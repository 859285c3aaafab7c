"""ExpNet: expression from sound (reference 3.4 and 3.5).

Batches are `ExpressionWindows` of `input_pipeline`. The face model is that of
the records' coefficients; landmarks need no rasteriser, lip reading does. The
lip reader sees two frames back and ahead, so that with it the two frames at
each end of a window are its context, and count for nothing else.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from sadtalker_jax import errors
from sadtalker_jax.face3d import coeffs, renderer
from sadtalker_jax.losses import coeffs as coeff_losses
from sadtalker_jax.losses import landmarks, sync
from sadtalker_jax.models.experts import lipreader
from sadtalker_jax.training import face_models, networks, plots
from sadtalker_jax.training import stage as stage_lib
from sadtalker_jax.typing import Array, PRNGKey

_MOUTH = slice(48, 68)  # of the 68 landmarks
_MOUTH_SIZE = 88  # pixels of the frame of 224, that the lip reader sees
_GREY = (0.299, 0.587, 0.114)
_CONTEXT = 2  # frames on both sides, half of the lip reader's kernel of 5


def needs(config: Mapping[str, Any]) -> tuple[str, ...]:
  """The lip reader, if what it reads counts."""
  return ('lipreader',) if config['loss']['read'] else ()


def recipe(
  config: Mapping[str, Any],
  frozen: Mapping[str, networks.Frozen],
  statistics: Mapping[str, Any],
) -> stage_lib.Recipe:
  """The recipe of the stage.

  Args:
    config: `model`: fields of ExpNet; `dtype`; `morphable`: see
      `face_models.load`; `loss`: weights `distill`, `landmarks`, `eyes`,
      `read`.
    frozen: the lip reader, if `loss.read`.
    statistics: not used.
  """
  del statistics
  loss = config['loss']
  face = face_models.load(config['morphable'])
  data = {'points': landmarks.of_model(face), 'face': face}
  context = _CONTEXT if loss['read'] else 0

  def predict(nets: networks.Bound, batch: stage_lib.Batch) -> jax.Array:
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

  def faces(
    batch: stage_lib.Batch, expression: jax.Array
  ) -> coeffs.Coefficients:
    """Frame 0 of each clip, with expressions [B, N, 64]."""
    shape = expression.shape[:2]
    own = coeffs.split(batch['coefficients'])
    return coeffs.Coefficients(
      *(jnp.broadcast_to(x[:, None], (*shape, x.shape[-1])) for x in own)
    )._replace(expression=expression)

  def points(
    nets: networks.Bound, batch: stage_lib.Batch, expression: jax.Array
  ) -> jax.Array:
    """Landmarks [B, N, 68, 2]."""
    return landmarks.project(nets.data['points'], faces(batch, expression))

  def rendered(
    nets: networks.Bound,
    batch: stage_lib.Batch,
    expression: jax.Array,
  ) -> renderer.Rendering:
    """Grey faces [B N, 224, 224, 3] and their landmarks."""
    vectors = coeffs.join(faces(batch, expression))
    return renderer.render(
      nets.data['face'],
      vectors.reshape(-1, vectors.shape[-1]),
      look='geometry',
    )

  def read(
    nets: networks.Bound, batch: stage_lib.Batch, expression: jax.Array
  ) -> jax.Array:
    """What the lip reader sees of the frames that count, [B, N, 512]."""
    drawn = rendered(nets, batch, expression)
    mouths = _mouths(drawn.image, drawn.landmarks)
    clips = mouths.reshape(*expression.shape[:2], *mouths.shape[1:])
    found = nets(
      'lipreader',
      lipreader.preprocess(255 * clips),
      method='features',
      train=False,
    )
    return inner(found)

  def inner(frames: jax.Array) -> jax.Array:
    """What counts of [B, N, ...]."""
    length = frames.shape[1]
    if length <= 2 * context:
      raise errors.InputError(
        'data.options.num_frames: expected more than the '
        f'{2 * context} that only the lip reader sees, found {length}'
      )
    return frames[:, context : length - context]

  def objective(
    nets: networks.Bound,
    batch: stage_lib.Batch,
    key: PRNGKey,
    step: jax.Array,
  ) -> stage_lib.Losses:
    del key, step
    whole = predict(nets, batch), batch['target']
    found, target = map(inner, whole)
    ours = points(nets, batch, found)
    theirs = points(nets, batch, target)
    rest = points(nets, batch, batch['reference'][:, None])  # [B, 1, 68, 2]
    openness = 1 - inner(batch['blink'])[..., None]  # [B, N, 1]
    wanted = openness * landmarks.eye_aspect_ratio(rest)
    terms = {
      'distill': coeff_losses.squared_error(found, target),
      'landmarks': landmarks.weighted_error(
        ours, theirs, landmarks.WITHOUT_EYES
      ),
      'eyes': jnp.abs(landmarks.eye_aspect_ratio(ours) - wanted).mean(),
    }
    if loss['read']:
      terms['read'] = sync.feature_distance(
        *(read(nets, batch, expression) for expression in whole)
      )
    total = sum((loss[n] * terms[n] for n in terms), jnp.zeros(()))
    terms['lip_correlation'] = landmarks.correlation(
      landmarks.lip_gap(ours), landmarks.lip_gap(theirs)
    )
    return stage_lib.Losses({'model': total}, terms)

  def summaries(
    nets: networks.Bound, batch: stage_lib.Batch
  ) -> dict[str, jax.Array]:
    """Target faces of the first example above predicted ones."""
    first = {k: v[:1] for k, v in batch.items()}
    rows = [
      plots.side_by_side(list(rendered(nets, first, expression).image))
      for expression in (first['target'], predict(nets, first))
    ]
    return {'faces': jnp.concatenate(rows)}

  def clip(nets: networks.Bound, batch: stage_lib.Batch) -> jax.Array:
    """Film | face of the real coefficients | face of the expression found."""
    vectors = batch['coefficients']  # [T, 257]
    real = coeffs.split(vectors)
    found = predict(
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

  model = {**config['model'], 'dtype': jnp.dtype(config['dtype'])}
  return stage_lib.Recipe(
    name='expnet',
    trained={'expnet': networks.Trained('model', model)},
    objective=objective,
    summaries=summaries,
    clip=clip,
    frozen=frozen,
    data=data,
  )


def _mouths(image: Array, points: Array) -> jax.Array:
  """Grey mouths [B, 88, 88, 1] of pictures [B, 224, 224, 3].

  The place is constant: to move it is no way to look alike.
  """
  grey = jnp.einsum('bhwc,c->bhw', image, jnp.asarray(_GREY))
  centre = jax.lax.stop_gradient(points[:, _MOUTH].mean(1))  # [B, 2]
  start = jnp.round(centre - _MOUTH_SIZE / 2).astype(jnp.int32)

  def cut(picture: jax.Array, corner: jax.Array) -> jax.Array:
    return jax.lax.dynamic_slice(
      picture, (corner[1], corner[0]), (_MOUTH_SIZE, _MOUTH_SIZE)
    )

  return jax.vmap(cut)(grey, start)[..., None]
