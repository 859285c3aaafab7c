"""Measures clips one after the other; one clip is in memory at a time.

Numbers of a clip are kept (a few hundred bytes), features go to files, crops
are deleted with their clip. A clip that fails in one metric or for one system
counts in none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import dataclasses
import pathlib
import shutil
import time
from typing import Any

from absl import logging
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.evaluation import clips, pairing, videos
from sadtalker_jax.evaluation import protocol as protocol_lib
from sadtalker_jax.evaluation.measures import experts, registry
from sadtalker_jax.evaluation.measures import metric as metric_lib
from sadtalker_jax.evaluation.report import sheets, traces
from sadtalker_jax.faces import landmarks

Values = dict[str, dict[str, float]]  # by system, by metric


@dataclasses.dataclass(frozen=True)
class Measured:
  """A clip that counts, and its numbers."""

  pair: pairing.VideoPair
  frames: int
  boxes: Mapping[str, Sequence[int]]  # crops in the videos, by system
  values: Values
  features: Mapping[tuple[str, str], pathlib.Path]  # files by metric, system
  sheet: pathlib.Path  # a picture of its crops
  trace: pathlib.Path  # a picture of the paths of landmarks
  players: Mapping[str, pathlib.Path]  # films of its crops, by system


@dataclasses.dataclass
class Outcome:
  """Results of a run."""

  systems: tuple[str, ...]
  clips: list[Measured]
  left_out: list[pairing.LeftOut]
  # Seconds on the clock and of all processors, for reading and each measure.
  seconds: dict[str, tuple[float, float]]
  frames_measured: dict[str, int]  # frames by measure, of all systems

  def numbers(self, metric: str, system: str) -> np.ndarray:
    """A metric of a system's clips [N], NaN where there is none."""
    return np.array(
      [c.values.get(system, {}).get(metric, np.nan) for c in self.clips],
      np.float64,
    )

  def files(self, metric: str, system: str) -> list[pathlib.Path]:
    """The features of a system's clips."""
    return [clip.features[metric, system] for clip in self.clips]

  @property
  def lengths(self) -> np.ndarray:
    """Frames of the clips [N]."""
    return np.array([c.frames for c in self.clips], np.float64)


def run(
  pairs: Sequence[pairing.VideoPair],
  systems: Sequence[str],
  protocol: protocol_lib.Protocol,
  networks: experts.MetricNetworks,
  folder: pathlib.Path,
  *,
  landmarker: landmarks.Landmarker | None = None,
  only: Sequence[str] = (),
  players: bool = False,
  report: Callable[[str, str], None] | None = None,
) -> Outcome:
  """Measures clips.

  Args:
    pairs: Clips.
    systems: Names of the systems whose videos the clips have.
    protocol: Rules of the test.
    networks: Expert networks.
    folder: Empty folder to work in.
    landmarker: Landmark networks; by default the packaged ones.
    only: Names of metrics to compute; all if empty.
    players: Whether to write films of the crops.
    report: Function called with a clip's name and what became of it.

  Returns:
    Numbers of all clips that count, and the clips that are left out.

  Raises:
    InputError: A name in `only` is unknown.
  """
  chosen = [m for m in active(only) if not m.not_computed(networks)]
  finder = landmarker or landmarks.FaceMesh()
  outcome = Outcome(tuple(systems), [], [], {}, {})
  for number, pair in enumerate(pairs):
    place = folder / f'{number:06d}'
    place.mkdir()
    try:
      with timed(outcome, 'reading'):
        clip = clips.load(pair, protocol, finder, place)
      found = _measure(clip, chosen, networks, outcome, place)
      if players:
        with timed(outcome, 'players'):
          films = sheets.films(clip, place)
        found = dataclasses.replace(found, players=films)
    except videos.Unusable as error:
      fault = pairing.LeftOut(pair.name, *error.fault)
    except (errors.InputError, OSError) as error:
      fault = pairing.LeftOut(pair.name, 'unreadable', _line(error))
    except ValueError as error:  # of a metric that is not made for the clip
      logging.warning('%s', pair.name, exc_info=error)
      fault = pairing.LeftOut(pair.name, 'not measurable', _line(error))
    else:
      outcome.clips.append(found)
      for crops in place.glob('*.crops'):
        crops.unlink()
      if report is not None:
        report(pair.name, f'{found.frames} frames')
      continue
    shutil.rmtree(place)
    outcome.left_out.append(fault)
    if report is not None:
      report(pair.name, f'left out: {fault.reason}: {fault.detail}')
  return outcome


def active(only: Sequence[str] = ()) -> list[metric_lib.Measure]:
  """The measures that give some of these metrics; all if none is named.

  Args:
    only: Names of metrics.

  Raises:
    InputError: A name is unknown.
  """
  if unknown := [name for name in only if name not in registry.METRICS]:
    raise errors.InputError(
      f'metrics: expected names among {" ".join(registry.METRICS)}, found '
      f'{" ".join(unknown)}'
    )
  return [
    measure
    for measure in registry.MEASURES
    if not only or any(metric.name in only for metric in measure.metrics)
  ]


def _measure(
  clip: clips.ScoredClip,
  chosen: Sequence[metric_lib.Measure],
  networks: experts.MetricNetworks,
  outcome: Outcome,
  place: pathlib.Path,
) -> Measured:
  values: Values = {system: {} for system in clip.sides}
  features: dict[tuple[str, str], pathlib.Path] = {}
  for measure in chosen:
    for system in clip.sides:
      of_set = measure.features is not None
      if system == pairing.REAL and not (measure.of_real or of_set):
        continue
      with timed(outcome, measure.name):
        if measure.features is not None:
          number = list(clip.sides).index(system)
          path = place / f'{measure.name}.{number}.npy'
          rows = measure.features(clip, system, networks)
          np.save(path, rows.astype(np.float32))
          features[measure.name, system] = path
        if measure.numbers is not None:
          values[system].update(measure.numbers(clip, system, networks))
      count = outcome.frames_measured.get(measure.name, 0)
      outcome.frames_measured[measure.name] = count + clip.num_frames
  sheet = place / 'sheet.jpg'
  sheet.write_bytes(sheets.draw(clip))
  trace = place / 'trace.jpg'
  trace.write_bytes(traces.draw(clip))
  boxes = {s: [int(v) for v in side.box] for s, side in clip.sides.items()}
  return Measured(
    clip.pair, clip.num_frames, boxes, values, features, sheet, trace, {}
  )


@contextlib.contextmanager
def timed(outcome: Outcome, what: str) -> Iterator[None]:
  """Adds the time that the block takes to the seconds of `what`."""
  started = time.monotonic(), time.process_time()
  try:
    yield
  finally:
    clock, processor = outcome.seconds.get(what, (0.0, 0.0))
    outcome.seconds[what] = (
      clock + time.monotonic() - started[0],
      processor + time.process_time() - started[1],
    )


def _line(error: Exception) -> str:
  """An error as one line."""
  return ' '.join(str(error).split()) or type(error).__name__


def not_computed(
  networks: experts.MetricNetworks, only: Sequence[str] = ()
) -> dict[str, Any]:
  """Reasons why metrics are missing, by name."""
  return {
    metric.name: reason
    for measure in active(only)
    for metric in measure.metrics
    if (reason := measure.not_computed(networks))
  }
