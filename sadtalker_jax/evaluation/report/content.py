"""The content of `metrics.json`: values, intervals, comparisons, clips.

    {"metrics": {name: {"value", "ci", "n", ...} or {"not_computed": why}},
     "clips": [...], "left_out": [...], ...}

`metrics` are those of the first system, `systems` has those of all, and `real`
those of the real clips. Fields are described in docs/guides/evaluation.md.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import itertools
import json
import math
import pathlib
from typing import Any

import numpy as np

from sadtalker_jax.evaluation import pairing, protocol, runner
from sadtalker_jax.evaluation.measures import experts
from sadtalker_jax.evaluation.measures import metric as metric_lib
from sadtalker_jax.evaluation.report import published
from sadtalker_jax.evaluation.statistics import bootstrap, spread
from sadtalker_jax.media import files

FORMAT, VERSION = 'sadtalker_jax evaluation', 1
JSON = 'metrics.json'
_UNDEFINED = 'undefined in every clip'
_EMPTY = 'no clip is left'

Estimates = Mapping[tuple[str, str], bootstrap.Estimate]  # metric, system


def build(
  outcome: runner.Outcome,
  rules: protocol.Protocol,
  networks: experts.MetricNetworks,
  *,
  only: Sequence[str] = (),
  resamples: int = bootstrap.RESAMPLES,
  seed: int = 0,
) -> dict[str, Any]:
  """The results of a run as values that JSON can hold.

  Args:
    outcome: Results of `runner.run`.
    rules: Rules of the test.
    networks: Expert networks.
    only: Names of the metrics that were computed; all if empty.
    resamples: Number of resamples of the bootstrap.
    seed: Random seed for the bootstrap.
  """
  chosen = runner.active(only)
  drawn = bootstrap.weights(max(len(outcome.clips), 1), resamples, seed)
  with runner.timed(outcome, 'intervals'):
    estimates = _estimates(outcome, chosen, networks, drawn)
  systems = {
    system: _entries(system, chosen, networks, estimates)
    for system in (pairing.REAL, *outcome.systems)
  }
  real = {
    name: entry
    for name, entry in systems.pop(pairing.REAL).items()
    if 'value' in entry
  }
  return {
    'format': FORMAT,
    'version': VERSION,
    'protocol': {**dataclasses.asdict(rules), 'crop_rule': rules.rule},
    'metrics': systems[outcome.systems[0]],
    'systems': systems,
    'real': real,
    'comparison': _comparison(outcome, chosen, estimates, drawn),
    'published': {'note': published.NOTE, 'tables': published.TABLES},
    'bootstrap': {'resamples': resamples, 'seed': seed, 'level': 0.95},
    'clips': [_clip(clip) for clip in outcome.clips],
    'left_out': [dataclasses.asdict(clip) for clip in outcome.left_out],
    'seconds': _seconds(outcome),
  }


def write(folder: pathlib.Path, content: Mapping[str, Any]) -> None:
  """Writes `metrics.json`."""
  with files.replacing(folder / JSON, overwrite=True) as part:
    text = json.dumps(_finite(content), indent=1, allow_nan=False)
    part.write_text(text + '\n', encoding='utf-8')


def _estimates(
  outcome: runner.Outcome,
  chosen: Sequence[metric_lib.Measure],
  networks: experts.MetricNetworks,
  drawn: np.ndarray,
) -> dict[tuple[str, str], bootstrap.Estimate]:
  """Estimates of all metrics that are computed."""
  found: dict[tuple[str, str], bootstrap.Estimate] = {}
  if not outcome.clips:
    return found
  for measure in chosen:
    if measure.not_computed(networks):
      continue
    for metric in measure.metrics:
      if measure.features is not None:
        for system in outcome.systems:
          found[metric.name, system] = spread.estimate(
            outcome.files(metric.name, pairing.REAL),
            outcome.files(metric.name, system),
            drawn,
          )
        continue
      real = (pairing.REAL,) if measure.of_real else ()
      for system in (*real, *outcome.systems):
        found[metric.name, system] = bootstrap.mean(
          outcome.numbers(metric.name, system),
          outcome.lengths,
          drawn,
          per=metric.per,
        )
  return found


def _entries(
  system: str,
  chosen: Sequence[metric_lib.Measure],
  networks: experts.MetricNetworks,
  estimates: Estimates,
) -> dict[str, dict[str, Any]]:
  """The metrics of a system by name."""
  entries: dict[str, dict[str, Any]] = {}
  for measure in chosen:
    reason = measure.not_computed(networks)
    for metric in measure.metrics:
      found = estimates.get((metric.name, system))
      if reason or found is None or math.isnan(found.value):
        why = reason or (_EMPTY if found is None else _UNDEFINED)
        entries[metric.name] = {'not_computed': why}
        continue
      entries[metric.name] = {
        'value': found.value,
        'ci': found.interval,
        'n': found.clips,
        'frames': found.frames,
        'weights': {n: networks.weights_hash(n) for n in measure.needs},
        'crop': measure.view,
        'goal': metric.goal,
        'per': metric.per,
        'definition': metric.text,
      }
      if measure.features is not None:
        entries[metric.name]['interval_of'] = 'the linearised distance'
  return entries


def _comparison(
  outcome: runner.Outcome,
  chosen: Sequence[metric_lib.Measure],
  estimates: Estimates,
  drawn: np.ndarray,
) -> list[dict[str, Any]]:
  """Every pair of systems in every metric."""
  rows = []
  for metric in (m for measure in chosen for m in measure.metrics):
    for a, b in itertools.combinations(outcome.systems, 2):
      if (metric.name, a) not in estimates:
        continue
      one, two = estimates[metric.name, a], estimates[metric.name, b]
      count = len(outcome.clips)
      if not np.isnan(outcome.numbers(metric.name, a)).all():
        one, two, count = bootstrap.two_sided(
          metric,
          (outcome.numbers(metric.name, a), outcome.numbers(metric.name, b)),
          outcome.numbers(metric.name, pairing.REAL),
          outcome.lengths,
          drawn,
        )
      found = bootstrap.compare(metric, one, two, clips=count)
      better = {'a': a, 'b': b}.get(found['better'])
      rows.append(
        {'metric': metric.name, 'a': a, 'b': b, **found, 'better': better}
      )
  return rows


def _clip(clip: runner.Measured) -> dict[str, Any]:
  paths = {pairing.REAL: clip.pair.real, **clip.pair.generated}
  return {
    'name': clip.pair.name,
    'frames': clip.frames,
    'files': {system: str(path) for system, path in paths.items()},
    'boxes': clip.boxes,
    'values': clip.values,
  }


def _seconds(outcome: runner.Outcome) -> dict[str, dict[str, float]]:
  """Seconds by measure, and processor seconds per 1,000 frames of a video."""
  rows = {}
  total = sum(outcome.lengths) * (1 + len(outcome.systems))
  for what, (clock, processor) in outcome.seconds.items():
    frames = outcome.frames_measured.get(what, total)
    rows[what] = {
      'seconds': clock,
      'processor_seconds': processor,
      'per_1000_frames': 1000 * processor / max(frames, 1),
    }
  return rows


def _finite(value: Any) -> Any:
  """The same value with None for NaN, and plain Python numbers."""
  if isinstance(value, Mapping):
    return {str(key): _finite(item) for key, item in value.items()}
  if isinstance(value, (list, tuple)):
    return [_finite(item) for item in value]
  if isinstance(value, np.generic):
    value = value.item()
  if isinstance(value, float) and not math.isfinite(value):
    return None
  return value
