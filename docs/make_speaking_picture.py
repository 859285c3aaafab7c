"""Draws docs/pictures/speaking.webp: the packaged portrait says some words.

    python docs/make_speaking_picture.py

The portrait is in the public domain (NOTICE), and so is the recording.
"""

import pathlib

from PIL import Image

import sadtalker_jax
from sadtalker_jax.inference import bundle

TARGET = pathlib.Path(__file__).resolve().parent / 'pictures/speaking.webp'
FPS = 12.5
SECONDS = 5
QUALITY = 75


def main() -> None:
  """Renders and writes the picture."""
  animator = sadtalker_jax.Animator.from_pretrained('default')
  clip = animator(bundle.SAMPLE_PORTRAIT, bundle.SAMPLE_SPEECH, fps=FPS)
  frames = []
  for frame in clip.frames():
    frames.append(Image.fromarray(frame))
    if len(frames) == SECONDS * FPS // 1:
      break
  # To and fro, so that the loop has no jump.
  frames += frames[-2:0:-1]
  frames[0].save(
    TARGET,
    save_all=True,
    append_images=frames[1:],
    duration=round(1000 / FPS),
    loop=0,
    quality=QUALITY,
    method=6,
  )
  print(f'{TARGET}: {len(frames)} frames, {TARGET.stat().st_size / 1e3:.0f} kB')


if __name__ == '__main__':
  main()
