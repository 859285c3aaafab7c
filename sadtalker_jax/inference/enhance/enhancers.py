"""Which networks make the frames of a clip larger and sharper."""

from collections.abc import Iterable, Iterator
import threading
from typing import Protocol

import numpy as np

from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference.enhance import face_enhancer, frame_enlarger
from sadtalker_jax.typing import Array


class Enhancer(Protocol):
  """Makes frames larger by a whole factor."""

  upscale: int

  def stream(self, batches: Iterable[Array]) -> Iterator[np.ndarray]:
    """Batches [b, H, W, 3] uint8 of consecutive frames, each larger."""
    ...


class Enhancers:
  """The enhancers of a bundle; clips that ask for the same one share it."""

  def __init__(self, bundle: bundle_lib.Bundle):
    """Loads nothing yet."""
    self._bundle = bundle
    self._made: dict[tuple[str | None, str | None], Enhancer] = {}
    self._lock = threading.Lock()

  def get(self, options: options_lib.Options) -> Enhancer | None:
    """What the options ask for; None for nothing.

    Raises:
      InputError: the bundle lacks its network.
    """
    key = face, frame = options.enhancer, options.background_enhancer
    if face is None and frame is None:
      return None
    with self._lock:
      if key not in self._made:
        enlarger = None
        if frame is not None:
          enlarger = frame_enlarger.FrameEnlarger.from_bundle(
            self._bundle, frame
          )
        if face is not None:
          self._made[key] = face_enhancer.FaceEnhancer.from_bundle(
            self._bundle, face, enlarger
          )
        elif enlarger is not None:
          self._made[key] = enlarger
      return self._made[key]
