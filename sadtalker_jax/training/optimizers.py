"""Optimisers of the stages, and gradients of large batches in parts."""

from collections.abc import Callable, Mapping, Sequence
import re
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
import optax

from sadtalker_jax import errors
from sadtalker_jax.training import config_parts
from sadtalker_jax.typing import PyTree


def schedule(config: config_parts.OptimizerConfig) -> optax.Schedule:
  """The learning rate at a step: it rises from 0, and falls."""
  warmup = config.warmup_steps
  if config.decay == 'cosine':
    length = max(config.total_steps - warmup, 1)
    fall = optax.cosine_decay_schedule(config.learning_rate, length)

    def steady(step: optax.ScalarOrSchedule) -> Any:
      return fall(jnp.maximum(jnp.asarray(step) - warmup, 0))
  else:
    steady = optax.piecewise_constant_schedule(
      config.learning_rate, {s: config.decay_factor for s in config.decay_steps}
    )
  if not warmup:
    return steady

  def rising(step: optax.ScalarOrSchedule) -> Any:
    share = (jnp.asarray(step, jnp.float32) + 1) / warmup
    return steady(step) * jnp.minimum(share, 1.0)

  return rising


def learning_rate(
  config: config_parts.OptimizerConfig, step: jax.Array
) -> jax.Array:
  """What `schedule` gives at a step, [] float32."""
  # Optax multiplies floats by a whole number, the step.
  with jax.numpy_dtype_promotion('standard'):
    return jnp.asarray(schedule(config)(step), jnp.float32)


def adam(config: config_parts.OptimizerConfig) -> optax.GradientTransformation:
  """Adam as the config of a group says.

  Raises:
    InputError: A number is out of range.
  """
  for name in ('learning_rate', 'clip_norm', 'b1', 'b2'):
    value = getattr(config, name)
    if value < 0 or (name in ('b1', 'b2') and value >= 1):
      raise errors.InputError(
        f'optimizer.{name}: expected a number '
        f'{"in [0, 1)" if name in ("b1", "b2") else "of 0 or more"}, '
        f'found {value}'
      )
  steps = [optax.scale_by_adam(b1=config.b1, b2=config.b2)]
  if config.clip_norm:
    steps.insert(0, optax.clip_by_global_norm(config.clip_norm))
  if config.weight_decay:
    steps.append(optax.add_decayed_weights(config.weight_decay, _decays))
  steps.append(optax.scale_by_learning_rate(schedule(config)))
  chain = optax.chain(*steps)

  def update(
    gradients: PyTree, state: PyTree, params: PyTree
  ) -> tuple[PyTree, PyTree]:
    # As in `learning_rate`.
    with jax.numpy_dtype_promotion('standard'):
      updates, state = chain.update(gradients, state, params)
    return scaled(updates, config.rates), state

  def init(params: PyTree) -> PyTree:
    _check_patterns(params, config.rates)
    return chain.init(params)

  return optax.GradientTransformation(init, update)


def scaled(updates: PyTree, rates: Sequence[tuple[str, float]]) -> PyTree:
  """Updates times the factor of the first pattern that fits their name.

  Args:
    updates: Updates by network.
    rates: Patterns with their factors.
  """

  def one(path: Any, update: jax.Array) -> jax.Array:
    factor = _factor(path, rates)
    return update * factor if factor else jnp.zeros_like(update)

  return jax.tree_util.tree_map_with_path(one, updates) if rates else updates


def stopped(
  params: PyTree, rates: Sequence[tuple[str, float]]
) -> tuple[PyTree, set[str]]:
  """Parameters of a group, no gradient of those whose rate is 0.

  Args:
    params: Parameters by network.
    rates: Patterns with their factors.

  Returns:
    The same parameters, and the names of networks that are frozen whole.
  """

  def one(path: Any, value: jax.Array) -> jax.Array:
    return value if _factor(path, rates) else lax.stop_gradient(value)

  paths = jax.tree_util.tree_flatten_with_path(params)[0]
  moving = {p[0].key for p, _ in paths if _factor(p, rates)}
  return jax.tree_util.tree_map_with_path(one, params), set(params) - moving


def _factor(path: Any, rates: Sequence[tuple[str, float]]) -> float:
  """What the rate of a parameter is multiplied by."""
  name = _name(path)
  found = (factor for p, factor in rates if re.fullmatch(p, name))
  return next(found, 1.0)


def _decays(params: PyTree) -> PyTree:
  """Whether weight decay is for a parameter: biases have one dimension."""
  return jax.tree.map(lambda x: x.ndim > 1, params)


def _check_patterns(params: PyTree, rates: Sequence[tuple[str, float]]) -> None:
  """Raises `InputError` for a pattern that fits no parameter."""
  names = [_name(p) for p, _ in jax.tree_util.tree_flatten_with_path(params)[0]]
  for pattern, _ in rates:
    try:
      fits = any(re.fullmatch(pattern, name) for name in names)
    except re.error as error:
      raise errors.InputError(
        f'optimizer.rates: expected a pattern, found {pattern!r}: {error}'
      ) from error
    if not fits:
      raise errors.InputError(
        f'optimizer.rates: expected a pattern of names such as {names[0]}, '
        f'found {pattern!r}, which fits none'
      )


def _name(path: Any) -> str:
  """Name of a parameter, keys with '/' between."""
  return jax.tree_util.keystr(path, simple=True, separator='/')


def average(ema: PyTree, params: PyTree, decay: float) -> PyTree:
  """The moving average after one more step."""
  return jax.tree.map(lambda a, p: a + (1 - decay) * (p - a), ema, params)


def of_groups(
  forward: Callable[[PyTree], tuple[dict[str, jax.Array], PyTree]],
  params: Mapping[str, PyTree],
) -> tuple[PyTree, tuple[PyTree, dict[str, jax.Array]]]:
  """Gradients of every group's total by that group's parameters.

  One forward pass serves all groups: a discriminator sees the generator's
  picture once, and both learn from it.

  Args:
    forward: Parameters by group to (totals by group, (terms, statistics)).
    params: Parameters by group.

  Returns:
    Statistics, and the gradients by group with the terms, to which the totals
    are added as `total/GROUP`.
  """
  totals, pull, (terms, stats) = jax.vjp(forward, params, has_aux=True)
  grads = {}
  for group in params:
    seeds = {
      name: jnp.ones_like(total) if name == group else jnp.zeros_like(total)
      for name, total in totals.items()
    }
    grads[group] = pull(seeds)[0][group]
  for group, total in totals.items():
    terms = {**terms, f'total/{group}': total}
  return stats, (grads, terms)


def in_parts(
  gradients: Callable[[PyTree, PyTree, jax.Array], tuple[PyTree, PyTree]],
  stats: PyTree,
  batch: PyTree,
  parts: int,
) -> tuple[PyTree, PyTree]:
  """Means over the parts of a batch, computed one after the other.

  Part i holds examples i, i + parts, ..., so that a batch that is cut over
  devices stays where it is. Statistics of norms pass from part to part.

  Args:
    gradients: (statistics, part of the batch, number of the part) to
      (statistics, anything whose mean is wanted).
    stats: Statistics before.
    batch: Arrays [B, ...], B a multiple of `parts`.
    parts: Number of parts.

  Returns:
    Statistics after, and the means.
  """
  if parts == 1:
    return gradients(stats, batch, jnp.zeros((), jnp.int32))

  def cut(x: jax.Array) -> jax.Array:
    x = x.reshape(x.shape[0] // parts, parts, *x.shape[1:])
    return jnp.moveaxis(x, 1, 0)

  def one(
    carry: tuple[PyTree, PyTree], item: tuple[jax.Array, PyTree]
  ) -> tuple[tuple[PyTree, PyTree], None]:
    stats, total = carry
    number, part = item
    stats, value = gradients(stats, part, number)
    return (stats, jax.tree.map(jnp.add, total, value)), None

  pieces = jax.tree.map(cut, batch)
  first = jax.tree.map(lambda x: x[0], pieces)
  zero = jnp.zeros((), jnp.int32)
  shapes = jax.eval_shape(gradients, stats, first, zero)[1]
  start = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
  numbers = jnp.arange(parts, dtype=jnp.int32)
  (stats, total), _ = lax.scan(one, (stats, start), (numbers, pieces))
  return stats, jax.tree.map(lambda x: x / parts, total)
