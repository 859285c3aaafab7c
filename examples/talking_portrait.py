"""A portrait says a recording: the Python API in a few lines.

    python examples/talking_portrait.py talking.mp4 [portrait.jpg speech.wav]

Without a picture and a recording, those that ship with the package are used.
"""

import sys

import sadtalker_jax
from sadtalker_jax.inference import bundle


def main(
  output: str,
  image: str = str(bundle.SAMPLE_PORTRAIT),
  audio: str = str(bundle.SAMPLE_SPEECH),
) -> None:
  """Writes the video."""
  animator = sadtalker_jax.Animator.from_pretrained('default')
  clip = animator(image, audio, preprocess='full', still=True)
  clip.save(output)
  width, height = clip.size
  print(f'{output}: {clip.num_frames} frames, {width} x {height}')


if __name__ == '__main__':
  main(*sys.argv[1:])
