"""Makes a talking video of a portrait and a recording.

    python infer.py --source_image portrait.jpg --driven_audio speech.wav

The same as `sadtalker animate`, see `sadtalker_jax.cli.animate`.
"""

from collections.abc import Sequence
import sys

from sadtalker_jax.cli import animate


def main(argv: Sequence[str] | None = None) -> int:
  """Runs the program; returns its exit code."""
  return animate.main(argv, prog='infer.py')


if __name__ == '__main__':
  sys.exit(main())
