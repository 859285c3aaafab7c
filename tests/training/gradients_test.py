"""What a step of two groups computes, and that it computes nothing twice."""

import collections
import itertools

import jax
import jax.numpy as jnp
import pytest

from configs import renderer
from sadtalker_jax.ops import products
from sadtalker_jax.training import costs, optimizers, planning
import train

_HEAVY = ('dot_general', 'conv_general_dilated')


def test_each_group_pays_for_its_own_gradient_alone():
  """A generator of two layers and a discriminator of two, of n^3 products."""
  n = 4
  square = jax.ShapeDtypeStruct((n, n), jnp.float32)

  def step(params, x):
    def forward(params):
      y = x @ params['generator'][0] @ params['generator'][1]
      a, b = params['discriminator']
      # The generator's picture is seen once, and both learn from it.
      score = jnp.sum(jnp.tanh(y @ a) @ b)
      return {'generator': score, 'discriminator': -score}, ({}, {})

    return optimizers.of_groups(forward, params)

  params = {'generator': (square, square), 'discriminator': (square, square)}
  found = products.count(step, params, square, platform='cpu')
  # Forward 4. The generator's: through b, a, to both layers and through the
  # second; the discriminator's: to b, through b, to a.
  assert found == (4 + 5 + 3) * n**3
  trace = jax.make_jaxpr(step)(params, square)
  assert _repeated(trace) == []


def test_a_product_that_is_computed_twice_is_found():
  square = jax.ShapeDtypeStruct((4, 4), jnp.float32)
  twice = lambda x: jax.jit(lambda y: y @ y)(x) + x @ x  # noqa: E731
  assert len(_repeated(jax.make_jaxpr(twice)(square))) == 1


def test_a_step_of_the_renderer_computes_nothing_twice(monkeypatch):
  class Traced(Exception):
    pass

  def compiled(step, state, batch, frozen, **options):
    raise Traced(step.trace(state, batch, frozen).jaxpr)

  monkeypatch.setattr(costs, 'compiled', compiled)
  with pytest.raises(Traced) as found:
    planning.forecast(
      renderer.get_test_config(), train.examples, devices=jax.devices()[:1]
    )
  assert _repeated(found.value.args[0]) == []


def _repeated(trace):
  """Products that are computed more than once from the same arrays."""
  numbers = {}
  seen = collections.Counter()
  fresh = itertools.count()

  def number(key):
    return numbers.setdefault(key, next(fresh))

  def walk(jaxpr, inputs):
    known = dict(zip(jaxpr.invars, inputs, strict=True))

    def of(atom):
      if hasattr(atom, 'val'):
        return number(('literal', str(atom.val), str(atom.aval)))
      return known.setdefault(atom, next(fresh))

    for equation in jaxpr.eqns:
      sources = [of(atom) for atom in equation.invars]
      name, params = equation.primitive.name, equation.params
      inner = params.get('jaxpr') or params.get('call_jaxpr')
      if name in ('jit', 'pjit', 'custom_jvp_call', 'custom_vjp_call'):
        results = walk(getattr(inner, 'jaxpr', inner), sources)
      else:
        key = name, str(params), *sources
        results = [
          number((*key, i, str(v.aval))) for i, v in enumerate(equation.outvars)
        ]
        seen[key] += name in _HEAVY
      known |= dict(zip(equation.outvars, results, strict=True))
    return [of(atom) for atom in jaxpr.outvars]

  jaxpr = products.needed(trace.jaxpr)
  walk(jaxpr, [next(fresh) for _ in jaxpr.invars])
  return [key[:2] for key, times in seen.items() if times > 1]
