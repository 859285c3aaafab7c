"""Times the loader of every stage that is trained.

    sadtalker bench feeding                    # made-up records
    sadtalker bench feeding --folder RECORDS --threads 8 --wanted 200
    sadtalker bench feeding --folder RECORDS --threads 8 --tflops 440

For each stage: how fast batches are made when nothing else is done and how much
processor time that takes (with that of workers; the same on a busy machine),
how long the consumer waits when a step leaves the processor alone for a while
(as one on an accelerator does), and whether a restored iterator goes on with
the very same batches. With --wanted: how many cores a host must have for so
many examples a second; with --tflops: for as many as its cards compute at that
speed, all together (8 A100 at 35 % of their peak in TF32 attain 440).
"""

import argparse
from collections.abc import Sequence
import contextlib
import itertools
import multiprocessing
import os
import pathlib
import tempfile
import time

import jax
import numpy as np

import input_pipeline
from input_pipeline import batches, random_records
from sadtalker_jax import errors

# As published, or our defaults: method 3.4, method 4.5, method 5.10,
# method 6.6, method 7.
BATCH_SIZES = {
  'syncnet': 64,
  'wav2lip': 16,
  'recon': 32,
  'expnet': 32,
  'posevae': 64,
  'renderer': 32,
  'mapping': 32,
  'lipnet': 16,
}
# TFLOP of a training step for an example, at the published size: docs/results/
# scaling.md, those that are computed where they were counted.
TFLOP = {
  'syncnet': 0.455 / 64,
  'wav2lip': 5.31 / 16,
  'recon': 1.99 / 32,
  'expnet': 0.717 / 32,
  'posevae': 0.587 / 64,
  'renderer': 118 / 32,
  'mapping': 76.5 / 32,
  'lipnet': 0.00024,  # by its number of parameters
}


def main(argv: Sequence[str] | None = None) -> int:
  """Prints a table; 2 if the records cannot be used."""
  parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
  parser.add_argument(
    '--folder',
    type=pathlib.Path,
    help='records; none: made-up ones, 40 clips of 200 frames with grain',
  )
  names = list(BATCH_SIZES)
  parser.add_argument('--stages', nargs='+', default=names, choices=names)
  parser.add_argument(
    '--seconds', type=_seconds, default=5.0, help='per timing'
  )
  parser.add_argument(
    '--step', type=_seconds, default=0.5, help='seconds of a step that is fed'
  )
  parser.add_argument(
    '--resumed',
    type=_count,
    default=100,
    help='batches compared after restoring',
  )
  parser.add_argument('--threads', type=_count, default=2)
  parser.add_argument('--workers', type=_count, default=0)
  parser.add_argument(
    '--wanted', type=_seconds, help='examples a second of all cards of a host'
  )
  parser.add_argument(
    '--tflops', type=float, help='what all cards of a host attain together'
  )
  args = parser.parse_args(argv)
  reading = batches.ReadSettings(threads=args.threads, workers=args.workers)
  with tempfile.TemporaryDirectory() as scratch:
    folder = args.folder
    if folder is None:
      folder = pathlib.Path(scratch)
      speakers = {f'speaker{i}': 4 for i in range(10)}
      random_records.write(
        folder, {'train': speakers}, frames=(200, 200), detail=9.0
      )
    print(
      '| stage | batch | MB | batches/s | examples/s | CPU ms an example '
      f'| waits at {args.step} s a step | resumes |\n|' + '---|' * 8
    )
    needs: list[str] = []
    try:
      for stage in args.stages:
        line, processor = _row(stage, folder, reading, args)
        print(line, flush=True)
        wanted = args.tflops / TFLOP[stage] if args.tflops else args.wanted
        if wanted:
          needs.append(
            f'{stage}: {wanted:.0f} examples/s take '
            f'{wanted * processor:.1f} cores like these'
          )
    except errors.InputError as error:
      print(f'error: {error}')
      return 2
    print('\n'.join(needs), end='\n' if needs else '')
  return 0


def _seconds(text: str) -> float:
  """A number of seconds; argparse says what is none."""
  value = float(text)
  if not 0 < value <= 1e6:
    raise argparse.ArgumentTypeError(f'expected 0 to 1000000, found {text!r}')
  return value


def _count(text: str) -> int:
  """A small whole number."""
  value = int(text)
  if not 0 <= value <= 10_000:
    raise argparse.ArgumentTypeError(f'expected 0 to 10000, found {text!r}')
  return value


def _row(
  stage: str,
  folder: pathlib.Path,
  reading: batches.ReadSettings,
  args: argparse.Namespace,
) -> tuple[str, float]:
  """The line of a stage, and seconds of a processor for an example."""
  size = BATCH_SIZES[stage]
  sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
  made = input_pipeline.create(
    stage, folder, batch_size=size, seed=0, sharding=sharding, reading=reading
  )
  megabytes = sum(v.nbytes for v in next(made).values()) / 1e6
  start, count = time.perf_counter(), 0
  processor = _processor_seconds()
  while time.perf_counter() - start < args.seconds:
    jax.block_until_ready(next(made))
    count += 1
  speed = count / (time.perf_counter() - start)
  processor = (_processor_seconds() - processor) / (count * size)
  made.reset_clock()
  start = time.perf_counter()
  while time.perf_counter() - start < max(args.seconds, 4 * args.step):
    next(made)
    time.sleep(args.step)
  waits = made.wait_share
  made.close()
  resumes = _resumes(stage, folder, reading, args.resumed)
  line = (
    f'| {stage} | {size} | {megabytes:.1f} | {speed:.2f} | {speed * size:.0f} '
    f'| {1e3 * processor:.1f} | {waits:.1%} | {resumes} |'
  )
  return line, processor


def _processor_seconds() -> float:
  """Processor time of this process and its workers so far."""
  total, tick = time.process_time(), os.sysconf('SC_CLK_TCK')
  for worker in multiprocessing.active_children():
    with contextlib.suppress(OSError):  # it has ended, or this is no Linux
      # After the name, which is in brackets, user and system time are 12th.
      fields = pathlib.Path(f'/proc/{worker.pid}/stat').read_text()
      used = fields.rpartition(')')[2].split()[11:13]
      total += sum(map(int, used)) / tick
  return total


def _resumes(
  stage: str, folder: pathlib.Path, reading: batches.ReadSettings, number: int
) -> str:
  """Whether batches after a restore are those of an undisturbed run.

  Batches are small here and the other run has another number of threads.
  """
  run, resumed = (
    input_pipeline.create(stage, folder, batch_size=2, seed=1, reading=how)
    for how in (reading, batches.ReadSettings(threads=1, ahead=1))
  )
  for _ in range(7):
    next(run)
  resumed.restore(run.state())
  pairs = zip(run, resumed, strict=False)
  same = all(
    np.array_equal(one[key], other[key])
    for one, other in itertools.islice(pairs, number)
    for key in one
  )
  run.close()
  resumed.close()
  return f'{number} of {number}' if same else 'NO'


if __name__ == '__main__':
  raise SystemExit(main())
