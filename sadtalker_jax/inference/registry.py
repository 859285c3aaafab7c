"""Motions and renderers by name, and which of them go together.

A motion makes tracks of its basis, a renderer draws tracks of its basis; any
two of one basis go together. A new kind is a class and a line here, or, outside
of the package, an entry that a program adds before it makes its `Animator`:

    registry.MOTIONS['mine'] = MyMotion

The order is the order in which 'auto' tries them: the best first. Networks of
the bundle that ships are not the best of motions (docs/results/lips.md): they
are for who asks for them by name.
"""

from typing import NamedTuple, TypeVar

from sadtalker_jax import errors
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import rendering, tracks
from sadtalker_jax.inference.motion.baseline import baseline_motion
from sadtalker_jax.inference.motion.learned import learned_motion
from sadtalker_jax.inference.motion.phonetic import phonetic_motion
from sadtalker_jax.inference.neural import neural_renderer
from sadtalker_jax.inference.puppet import puppet_renderer

MOTIONS: dict[str, type[tracks.Motion]] = {
  'learned': learned_motion.LearnedMotion,
  'phonetic': phonetic_motion.PhoneticMotion,
  'baseline': baseline_motion.BaselineMotion,
}
RENDERERS: dict[str, type[rendering.Renderer]] = {
  'neural': neural_renderer.NeuralRenderer,
  'puppet': puppet_renderer.PuppetRenderer,
}

_Kind = TypeVar('_Kind')


class Choice(NamedTuple):
  """Names of a motion and a renderer that go together."""

  motion: str
  renderer: str


def check(options: options_lib.Options) -> None:
  """Refuses names of motions and renderers that nobody registered.

  Raises:
    InputError: there is no such motion or renderer.
  """
  _named('motion', options.motion, MOTIONS)
  _named('renderer', options.renderer, RENDERERS)


def choose(bundle: bundle_lib.Bundle, options: options_lib.Options) -> Choice:
  """The motion and the renderer that options and bundle ask for.

  A renderer that is left open is the best that the bundle offers; with a motion
  named, the best of its basis. A motion that is left open is the best that the
  bundle has in the renderer's basis.

  Raises:
    InputError: there is no such motion or renderer, the bundle lacks networks
      of theirs, or they speak of different face models.
  """
  check(options)
  motion, renderer = options.motion, options.renderer
  if motion != options_lib.AUTO:
    _has_networks('motion', motion, MOTIONS[motion].networks, bundle)
  if renderer == options_lib.AUTO:
    offered = [n for n, k in RENDERERS.items() if k.offered_by(bundle)]
    if motion != options_lib.AUTO:
      basis = MOTIONS[motion].basis_in(bundle)
      of_basis = [n for n in offered if _renders(n, bundle) == basis]
      offered = of_basis or offered
    renderer = offered[0]
  elif not RENDERERS[renderer].offered_by(bundle):
    _has_networks('renderer', renderer, RENDERERS[renderer].networks, bundle)
  basis = _renders(renderer, bundle)
  if motion == options_lib.AUTO:
    motion = _best_motion(renderer, basis, bundle)
  speaks = MOTIONS[motion].basis_in(bundle)
  if speaks != basis:
    raise errors.InputError(
      f'motion: expected one of the face model {basis}, which the renderer '
      f"'{renderer}' draws, found '{motion}', which speaks of {speaks}"
    )
  return Choice(motion, renderer)


def _renders(name: str, bundle: bundle_lib.Bundle) -> str:
  return RENDERERS[name].basis_in(bundle)


def _best_motion(renderer: str, basis: str, bundle: bundle_lib.Bundle) -> str:
  """The first motion whose networks the bundle has, in a basis."""
  lacking = []
  for name, kind in MOTIONS.items():
    if kind.networks and bundle.ships:
      continue
    missing = [n for n in kind.networks if not bundle.has(n)]
    if missing:
      lacking.append(f"'{name}' lacks {', '.join(missing)}")
    elif kind.basis_in(bundle) == basis:
      return name
    else:
      lacking.append(f"'{name}' speaks of {kind.basis_in(bundle)}")
  raise errors.InputError(
    f'motion: expected one of the face model {basis}, which the renderer '
    f"'{renderer}' of the bundle '{bundle.name}' draws; found that "
    + ' and '.join(lacking)
  )


def _named(option: str, name: str, kinds: dict[str, _Kind]) -> None:
  if name != options_lib.AUTO and name not in kinds:
    known = ' '.join([options_lib.AUTO, *kinds])
    raise errors.InputError(
      f'{option}: expected one of {known}, found {name!r}'
    )


def _has_networks(
  option: str,
  name: str,
  networks: tuple[str, ...],
  bundle: bundle_lib.Bundle,
) -> None:
  if missing := [n for n in networks if not bundle.has(n)]:
    raise errors.InputError(
      f"{option}: '{name}' expects the networks {', '.join(networks)}; the "
      f"bundle '{bundle.name}' lacks {', '.join(missing)}"
    )
