"""The examples of training stages by name, and those that are watched."""

from collections.abc import Mapping
from typing import Any

from input_pipeline import (
  coeff_sequences,
  frame_pairs,
  recon,
  sync_windows,
  talking_clips,
  transforms,
)
from sadtalker_jax import errors

STAGES: Mapping[str, Any] = {
  'syncnet': sync_windows.SyncWindows,
  'wav2lip': sync_windows.GeneratorWindows,
  'recon': recon.ReconImages,
  'expnet': coeff_sequences.ExpressionWindows,
  'posevae': coeff_sequences.PoseClips,
  'renderer': frame_pairs.FramePairs,
  'mapping': frame_pairs.CoefficientWindows,
  'clips': talking_clips.TalkingClips,
}


def make(name: str, **options: Any) -> transforms.Examples:
  """A stage with its options.

  Raises:
    InputError: there is no such stage, or it has no such option.
  """
  if name not in STAGES:
    raise errors.InputError(
      f'expected a stage in {sorted(STAGES)}, found {name!r}'
    )
  known = set(STAGES[name].__dataclass_fields__)
  unknown = sorted(set(options) - known)
  if unknown:
    raise errors.InputError(
      f'expected options of {name} in {sorted(known)}, found {unknown[0]!r}'
    )
  return STAGES[name](**options)
