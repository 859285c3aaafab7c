"""Examples that are watched: successive frames with all that goes with them.

No stage learns from these; some make a video of them (`training.summaries`).
"""

from collections.abc import Mapping
import dataclasses

import numpy as np

from input_pipeline import frame_pairs, sources, transforms
from sadtalker_jax import conventions


@dataclasses.dataclass(frozen=True, kw_only=True)
class TalkingClips:
  """The first T frames of a clip.

  frames        [T, S, S, 3]  uint8
  sound         [640 T]       int16, 16 kHz
  mel           [T, 80, 16]   window of each frame
  coefficients  [T, 257]
  crop          [T, 3]
  blink         [T]           0 open to 1 closed
  style         []            class of the speaker
  """

  num_frames: int = 97  # one, and three times the 32 of PoseVAE
  size: int = 256

  def entries(self) -> dict[str, transforms.Entry]:
    """Shapes and types of an example."""
    n, s = self.num_frames, self.size
    samples = n * conventions.SAMPLES_PER_FRAME
    return {
      'frames': transforms.Entry((n, s, s, 3), np.uint8, 0, 255),
      'sound': transforms.Entry((samples,), np.int16, -9999, 9999),
      'mel': transforms.Entry((n, 80, 16), low=-4.0, high=4.0),
      'coefficients': transforms.Entry((n, 257), low=-0.3, high=0.3),
      'crop': transforms.Entry((n, 3)),
      'blink': transforms.Entry((n,), low=0.0),
      'style': transforms.Entry((), np.int32, 0, 0),
    }

  def check(self, clips: sources.Clips) -> None:
    """Frames must have the size, or a multiple of it."""
    frame_pairs.check_size(clips, self.size)

  def keep(self, index: Mapping[str, np.ndarray]) -> np.ndarray:
    """Clips that are long enough."""
    return index['num_frames'] >= self.num_frames

  def example(
    self, clips: sources.Clips, position: int, rng: np.random.Generator
  ) -> transforms.Example:
    """The first frames; nothing is random."""
    clip = clips.clip(position)
    frames = np.arange(self.num_frames)
    starts = transforms.frame_starts(frames)
    samples = self.num_frames * conventions.SAMPLES_PER_FRAME
    return {
      'frames': frame_pairs.pictures(clips, position, frames, self.size),
      'sound': clip['audio'][:samples],
      'mel': transforms.mel_windows(clip['mel'], starts),
      **{k: clip[k][frames] for k in ('coefficients', 'crop', 'blink')},
      'style': np.int32(clips.style(position)),
    }
