"""Kinds of examples by name: those of the training stages, and those watched.

A kind of your own, outside the package, is put into `EXAMPLES`:

    stages.EXAMPLES['toy'] = ToyExamples

where `ToyExamples` is a frozen dataclass of options, see `transforms.Examples`.
"""

from typing import Any

from input_pipeline import (
  coeff_sequences,
  frame_pairs,
  recon,
  sources,
  spoken_windows,
  sync_windows,
  talking_clips,
  transforms,
  utterances,
)
from sadtalker_jax import errors

# In the order of `conventions.StageName`; 'clips' are watched, not learned
# from.
EXAMPLES: dict[str, Any] = {
  'syncnet': sync_windows.SyncWindows,
  'wav2lip': sync_windows.GeneratorWindows,
  'recon': recon.ReconImages,
  'expnet': coeff_sequences.ExpressionWindows,
  'posevae': coeff_sequences.PoseClips,
  'renderer': frame_pairs.FramePairs,
  'mapping': frame_pairs.CoefficientWindows,
  'lipnet': spoken_windows.SpokenWindows,
  'clips': talking_clips.TalkingClips,
}

# Where the examples of a stage come from, if not from prepared clips.
SOURCES: dict[str, Any] = {'lipnet': utterances.Utterances}


def source(name: str) -> Any:
  """The class that opens what a stage learns from."""
  return SOURCES.get(name, sources.Clips)


def make(name: str, **options: Any) -> transforms.Examples:
  """A kind of examples with its options.

  Raises:
    InputError: There is no such kind, or it has no such option.
  """
  if name not in EXAMPLES:
    raise errors.InputError(
      f'expected a stage in {list(EXAMPLES)}, found {name!r}'
    )
  known = set(EXAMPLES[name].__dataclass_fields__)
  unknown = sorted(set(options) - known)
  if unknown:
    raise errors.InputError(
      f'expected options of {name} in {sorted(known)}, found {unknown[0]!r}'
    )
  return EXAMPLES[name](**options)
