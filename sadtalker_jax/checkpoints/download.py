"""Bundles from the Hugging Face Hub, or a store, by name, through a cache.

A finished file is never fetched again, an interrupted download is continued,
and files in the cache need no network. The environment variables of
`huggingface_hub` have their effect: HF_HOME, HF_ENDPOINT, HF_TOKEN,
HF_HUB_OFFLINE.
"""

import pathlib
import re

import huggingface_hub

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import cards
from sadtalker_jax.stores import fetching

PREFIX = 'hf://'
_NAME = re.compile(r'hf://([\w.-]+/[\w.-]+)(?:@(\S+))?')


def is_repository(name: str) -> bool:
  """Whether a name without `PREFIX` has the form of a repository's."""
  return _NAME.fullmatch(PREFIX + name) is not None


def is_remote(name: str) -> bool:
  """Whether a name is one that `fetch` takes: hf://, s3://, gs://, ..."""
  return name.startswith(PREFIX) or fetching.is_remote(name)


def folder(name: str) -> pathlib.Path:
  """The folder of a bundle: as it is, or where `fetch` has put it.

  Raises:
    InputError: As `fetch`.
  """
  return fetch(name) if is_remote(name) else pathlib.Path(name)


def fetch(name: str) -> pathlib.Path:
  """The folder of a bundle of the Hub, or a copy of one in a store.

  Args:
    name: Name 'hf://owner/repo', or with '@revision' (branch, tag or commit);
      or a path in a store, such as 's3://bucket/bundle'.

  Raises:
    InputError: The name is malformed, or the bundle is neither there nor in the
      cache.
  """
  if fetching.is_remote(name):
    return fetching.fetch(name)
  found = _NAME.fullmatch(name)
  if not found:
    raise errors.InputError(
      f"bundle: expected 'hf://owner/repo' or 'hf://owner/repo@revision', "
      f"found '{name}'"
    )
  repository, revision = found.groups()
  try:
    folder = huggingface_hub.snapshot_download(
      repository,
      revision=revision,
      allow_patterns=[cards.CARD, f'{cards.NETWORKS}/*'],
    )
  # The client lets errors of the HTTP library beneath it through, and has
  # changed that library more than once.
  except Exception as error:
    reason = str(error).strip().partition('\n')[0]
    raise errors.InputError(
      f"bundle: '{name}' cannot be had from the Hugging Face Hub: "
      f'{type(error).__name__}: {reason}'
    ) from error
  return pathlib.Path(folder)
