"""Times the heavy parts on this machine and prints one JSON object a line.

    sadtalker bench render --size 256 --batch 1 4 8
    sadtalker bench motion
    sadtalker bench rasterize
    sadtalker bench grid_sample
    sadtalker bench accelerator --write_golden cpu.npz
    sadtalker bench accelerator --out card --golden cpu.npz --budget 480
    sadtalker bench compile --device h200 --program render renderer
    sadtalker bench marking DIR --size 256
    sadtalker bench marking DIR --unmarked
    sadtalker bench live --look_ahead 0.08 0.16
    sadtalker bench feeding --folder RECORDS --wanted 200
    sadtalker bench likeness DIR --rows likeness.jsonl
    sadtalker bench footage DIR --voice other.wav

A line says what ran where (device, dtype, batch, versions), the median and the
spread of the seconds over repeats, the arithmetic by XLA's own count (or that
of the traced products, where loops hide some from XLA), and what share that is
of the speed of a large matrix product measured in the same run.
Without --bundle the weights are noise: speed does not depend on them.

`accelerator` finds out all about one card within a budget of seconds, and
writes a report instead (docs/results/accelerator.md). It ends with exit code 1
if an item fails: a wrong number, a crash, a deadline.

`compile` says what a compiler makes of the programs for a device that is not
here: kernels, bytes, layouts of convolutions, a bound on speed. Nothing runs.

`marking` says which copies of the videos of a folder keep the invisible mark:
a line for each kind of copy, and one of cost and visibility. With `--unmarked`
it looks for marks in pictures and videos that have none.

`live` has the portrait that ships say the recording that ships while it
arrives: milliseconds of a frame and of the processor, latency, frames a second,
what follows an interruption, and how alike lips are to those of the whole
recording; with flags also several streams at once, and one of an hour.

`feeding` times the batches of training, from a checkout: a table, and how many
cores a host must have for so many examples a second.

`likeness` cuts real clips of talking people where the mouth is shut, half open
and wide open, drives them again from there by their own sound, and prints
tables of how real and generated ones move and look (docs/results/pictures.md).

`footage` has the clips of a folder say another recording and their own, and
prints tables of lips, jitter and edges (docs/results/footage.md).
"""

import argparse
from collections.abc import Iterator, Sequence
import importlib
import json
import os
import sys
from typing import Any

from sadtalker_jax import errors
from sadtalker_jax.cli import bench_flags, command


def parser() -> argparse.ArgumentParser:
  """The command line."""
  return bench_flags.parser(__doc__)


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  works = {
    'accelerator': _report,
    'feeding': _feed,
    'likeness': _table,
    'footage': _revoice,
  }
  work = works.get(flags.what, _print)
  return command.run(lambda: work(flags), 'bench')


def _report(flags: argparse.Namespace) -> int:
  """Finds out all about a card; 1 if an item failed."""
  from sadtalker_jax.benchmarks.accelerator import (
    goldens,
    peer,
    plan,
    report,
    runner,
  )

  scale = plan.SMALL if flags.small else plan.FULL
  if (flags.out is None) == (flags.write_golden is None):
    raise errors.InputError(
      'expected either --out DIR or --write_golden FILE, found '
      + ('none' if flags.out is None else 'both')
    )
  if flags.write_golden is not None:
    runner.write_golden(flags.write_golden, scale.name)
    return 0
  if flags.golden is not None:
    goldens.read(flags.golden, scale)  # its faults now, not in each child
  if flags.peer is not None:
    peer.check(flags.peer)
  names = flags.only or [
    i.name for i in plan.ITEMS if i.name != 'peer' or flags.peer is not None
  ]
  items = [item for item in plan.ITEMS if item.name in names]
  found = runner.run(
    flags.out,
    items,
    scale=scale.name,
    budget=flags.budget,
    golden=flags.golden,
    peer=flags.peer,
    tell=lambda line: print(line, flush=True),
  )
  return 1 if report.failed(found) else 0


def _feed(flags: argparse.Namespace) -> int:
  """Times batches; the pipeline is beside the package, in a checkout."""
  from sadtalker_jax.cli import train

  sys.path.insert(0, str(train.checkout()))
  bench = importlib.import_module('input_pipeline.bench')
  given = {k: v for k, v in vars(flags).items() if k != 'what' and v}
  argv = [f'--{k}={v}' for k, v in given.items() if k != 'stages']
  return bench.main(
    argv + ['--stages', *given.get('stages', bench.BATCH_SIZES)]
  )


def _table(flags: argparse.Namespace) -> int:
  """Prints how real and generated clips move and look."""
  from sadtalker_jax.benchmarks.likeness import runner

  for line in runner.run(
    flags.folder,
    seconds=flags.seconds,
    size=flags.size,
    talkers=flags.talkers,
    rows_file=flags.rows,
    keep=flags.keep,
  ):
    print(line, flush=True)
  return 0


def _revoice(flags: argparse.Namespace) -> int:
  """Prints how re-voiced clips compare with themselves."""
  from sadtalker_jax.benchmarks import footage

  for line in footage.run(
    flags.folder, flags.voice, flags.seconds, flags.sheets
  ):
    print(line, flush=True)
  return 0


def _print(flags: argparse.Namespace) -> int:
  for line in _lines(flags):
    print(json.dumps(line), flush=True)
  return 0


def _lines(flags: argparse.Namespace) -> Iterator[dict[str, Any]]:
  """The lines of the benchmark that the flags name."""
  if flags.what == 'compile':
    return _compiled(flags)
  from sadtalker_jax.benchmarks import (
    grid_sample_speed,
    live_speed,
    marking,
    motion_speed,
    rasterize_speed,
    render_speed,
  )

  if flags.what == 'marking':
    if flags.unmarked:
      return marking.run_unmarked(flags.folder)
    return marking.run(
      flags.folder, flags.size, flags.frames, flags.keys, flags.only
    )
  if flags.what == 'live':
    return live_speed.run(
      flags.look_ahead,
      flags.seconds,
      flags.size,
      motion=flags.motion,
      together=flags.together,
      minutes=flags.minutes,
    )
  if flags.what == 'render':
    return render_speed.run(
      flags.batch,
      flags.repeats,
      size=flags.size,
      dtype=flags.dtype,
      bundle=flags.bundle,
    )
  benchmark = {
    'motion': motion_speed.run,
    'rasterize': rasterize_speed.run,
    'grid_sample': grid_sample_speed.run,
  }[flags.what]
  return benchmark(flags.batch, flags.repeats)


def _compiled(flags: argparse.Namespace) -> Iterator[dict[str, Any]]:
  from sadtalker_jax.benchmarks.described import devices
  from sadtalker_jax.training import xla_presets

  if 'jax' not in sys.modules:  # else this is no process of its own
    devices.look_away(os.environ)
    xla_presets.apply(flags.xla_preset, os.environ)
  from sadtalker_jax.benchmarks.described import roofline

  return roofline.run(
    flags.device,
    flags.program,
    batches=flags.batch,
    dtypes=flags.dtype,
    size=flags.size,
    count=flags.devices,
    keep=flags.keep,
  )


if __name__ == '__main__':
  sys.exit(main())
