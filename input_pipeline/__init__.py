"""Training batches from prepared records, one kind of examples a stage.

    batches = input_pipeline.create(
      'renderer', folder, batch_size=32, seed=0, sharding=sharding, size=256
    )
    batch = next(batches)  # {'source': [32, 256, 256, 3] uint8, ...}

Batch k is a function of records, options, seed and k alone: not of threads,
worker processes or the number of hosts, each of which makes only the rows that
its devices hold. An epoch visits each clip once and takes one random example of
it; batches go across epochs, so that none is cut short. Pictures are uint8, and
become [0, 1] on the device, where that is cheap. Entries of each stage: see the
classes in `stages.EXAMPLES`; their fields are the options of `create`.

This package is beside the library, which never imports it. Host side only:
numpy in, sharded `jax.Array`s out.
"""

import hashlib
import pathlib
from typing import Any, Literal

import grain
import jax
import numpy as np

from input_pipeline import batches as batches_lib
from input_pipeline import selection as selections
from input_pipeline import sources, stages, transforms
from sadtalker_jax import errors

Sampling = Literal['clips', 'speakers']


def create(
  stage: str,
  folder: str | pathlib.Path,
  *,
  batch_size: int,
  seed: int,
  split: str = 'train',
  selection: selections.Selection | None = None,
  sampling: Sampling = 'clips',
  shuffle: bool = True,
  sharding: jax.sharding.Sharding | None = None,
  process: tuple[int, int] = (0, 1),
  reading: batches_lib.ReadSettings | None = None,
  reader: Literal['array_record', 'tfds'] = 'array_record',
  morphable: str | None = None,
  **options: Any,
) -> batches_lib.Batches:
  """Batches of a stage from a folder of records.

  Args:
    stage: Name in `stages.EXAMPLES`.
    folder: Folder of the records.
    batch_size: Examples of a batch, over all processes.
    seed: Random seed for order and examples.
    split: Split: train, validation or test.
    selection: Which clips; None: all that the stage can use.
    sampling: What an epoch visits once: each clip, or each speaker, of whom a
      random clip is taken (method 5.10).
    shuffle: Whether the order is random, another in each epoch.
    sharding: Sharding of the batch axis; None: numpy arrays of the rows of
      `process`.
    process: Index and number of processes; only used without a sharding.
    reading: Threads, processes and buffers.
    reader: Reader of the files; both give the same.
    morphable: Face model that the coefficients must be of; None: any.
    **options: Options of the stage's examples.

  Returns:
    The batches, from batch 0 on.

  Raises:
    InputError: An option is not possible, or no clip is left.
  """
  recipe = stages.make(stage, **options)
  clips = stages.source(stage)(
    folder, split, selection=selection, reader=reader
  )
  recipe.check(clips)
  if morphable is not None:
    _check_morphable(clips, morphable)
  positions = _usable(recipe, clips)
  groups = _groups(clips, positions, sampling)
  cut = transforms.Cut(recipe, clips, groups)
  examples = grain.MapDataset.range(len(groups)).seed(seed)
  if shuffle:
    examples = examples.shuffle()
  examples = examples.repeat().random_map(cut)
  ids = '\n'.join(clips.index['id'][positions])
  return batches_lib.Batches(
    examples,
    batch_size=batch_size,
    identity=_digest(ids, recipe, sampling, shuffle, batch_size, seed),
    choices={
      'clips': f'{len(positions)} ({_digest(ids)})',
      'options': repr(recipe),
      'sampling': sampling,
      'shuffle': shuffle,
      'batch_size': batch_size,
      'seed': seed,
    },
    num_examples=len(groups),
    sharding=sharding,
    process=process,
    reading=reading,
  )


def _usable(recipe: transforms.Examples, clips: sources.Clips) -> np.ndarray:
  """Rows of the index that are selected and of use, [N]."""
  keep = recipe.keep(clips.index)
  positions = clips.positions[keep[clips.positions]]
  if not len(positions):
    longest = max(clips.index['num_frames'][clips.positions], default=0)
    raise errors.InputError(
      f'expected clips that {recipe} can use in split {clips.split} of '
      f'{clips.folder}, found none among {len(clips.positions)}, the longest '
      f'of {longest} frames'
    )
  return positions


def spec(
  stage: str, batch_size: int, **options: Any
) -> dict[str, jax.ShapeDtypeStruct]:
  """Shapes and types of a stage's batches."""
  return {
    key: jax.ShapeDtypeStruct((batch_size, *entry.shape), entry.dtype)
    for key, entry in stages.make(stage, **options).entries().items()
  }


def _check_morphable(clips: sources.Clips, expected: str) -> None:
  """Raises unless coefficients are of a face model; the first clip tells."""
  found = clips.clip(int(clips.positions[0]))['morphable']
  if found != expected:
    raise errors.InputError(
      f'morphable.kind: expected {found}, that of the coefficients in '
      f'{clips.folder}, found {expected}'
    )


def _groups(
  clips: sources.Clips, positions: np.ndarray, sampling: Sampling
) -> list[np.ndarray] | np.ndarray:
  """Rows of the index that an epoch visits together."""
  if sampling == 'clips':
    return positions[:, None]
  if sampling != 'speakers':
    raise errors.InputError(
      f'expected sampling clips or speakers, found {sampling!r}'
    )
  speaker = clips.index['speaker'][positions]
  return [positions[speaker == name] for name in np.unique(speaker)]


def _digest(*parts: Any) -> str:
  """A short name of what decides on the batches."""
  return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]
