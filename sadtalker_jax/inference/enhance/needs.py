"""Weights that an option needs."""

from sadtalker_jax import errors
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.typing import Variables


def weights(
  bundle: bundle_lib.Bundle, option: str, value: str, network: str
) -> Variables:
  """Weights of the network that a value of an option stands for.

  Raises:
    InputError: the bundle lacks it.
  """
  if not bundle.has(network):
    raise errors.InputError(
      f'{option}: {value!r} expects the network {network}; the bundle '
      f"'{bundle.name}' lacks it"
    )
  return bundle.variables(network)
