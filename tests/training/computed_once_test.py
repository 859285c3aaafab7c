"""A step computes no convolution twice, whatever its gradients share."""

import collections

import jax
from jax import lax
import jax.numpy as jnp

from configs import mapping as mapping_config
from sadtalker_jax.ops import products
from sadtalker_jax.training import costs, planning
import train


def _repeated(jaxpr):
  """Convolutions of a jaxpr that run more than once on the same numbers.

  Two operations are the same if they have the same parameters and the same
  operands, and operands are the same if the operations are that they come from.
  """
  numbers, seen = {}, collections.Counter()

  def walk(jaxpr, operands):
    known = dict(zip(jaxpr.invars, operands, strict=True))
    known |= {v: object() for v in jaxpr.constvars}

    def of(v):
      return (str(v.val), str(v.aval)) if hasattr(v, 'val') else known[v]

    for equation in jaxpr.eqns:
      inputs = [of(v) for v in equation.invars]
      params = equation.params
      if params.get('branches_platforms'):
        inputs = inputs[1:]
      inner = list(products._chosen(params, 'gpu'))
      if len(inner) == 1 and len(inner[0].invars) == len(inputs):
        results = walk(inner[0], inputs)
      else:
        plain = () if inner else sorted((k, str(v)) for k, v in params.items())
        key = (equation.primitive.name, tuple(plain), tuple(inputs))
        own = numbers.setdefault(key, object()) if not inner else object()
        seen[own] += equation.primitive.name == 'conv_general_dilated'
        results = [(own, i) for i, _ in enumerate(equation.outvars)]
      known.update(zip(equation.outvars, results, strict=True))
    return [of(v) for v in jaxpr.outvars]

  walk(jaxpr, [object() for _ in jaxpr.invars])
  return sum(count - 1 for count in seen.values() if count), len(+seen)


def test_a_repetition_is_found():
  def twice(x, kernel):
    def conv(x):
      return lax.conv(x, kernel, (1, 1), 'SAME')

    return conv(x) + jax.jit(conv)(x) + conv(x + 1)

  shape = jnp.zeros((2, 2, 4, 4))
  assert _repeated(jax.make_jaxpr(twice)(shape, shape).jaxpr) == (1, 2)


class _Traced(Exception):  # noqa: N818 - no error
  pass


def test_both_sides_of_a_gan_share_what_they_can(monkeypatch):
  config = mapping_config.get_config('test')
  assert config.loss.gan > 0

  def traced(step, state, batch, frozen, **unused):
    raise _Traced(step.trace(state, batch, frozen).jaxpr.jaxpr)

  monkeypatch.setattr(costs, 'compiled', traced)
  try:
    planning.forecast(config, train.examples, devices=jax.devices()[:1])
  except _Traced as found:
    (jaxpr,) = found.args
  repeated, convolutions = _repeated(products.needed(jaxpr))
  assert convolutions > 100
  assert repeated == 0
