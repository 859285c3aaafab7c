"""One portrait, one recording, several manners of moving: a batch in Python.

    python examples/many_takes.py takes/ [portrait.jpg speech.wav]

Frames of all jobs share batches; a second run makes only what is missing.
"""

import pathlib
import sys

import sadtalker_jax
from sadtalker_jax.inference import bundle
from sadtalker_jax.inference.batch import manifest

STYLES = (0, 12, 30)


def main(
  folder: str,
  image: str = str(bundle.SAMPLE_PORTRAIT),
  audio: str = str(bundle.SAMPLE_SPEECH),
) -> None:
  """Writes one video for every style."""
  target = pathlib.Path(folder)
  target.mkdir(parents=True, exist_ok=True)
  jobs = [
    manifest.AnimationJob(
      line=number,
      image=pathlib.Path(image),
      audio=pathlib.Path(audio),
      output=target / f'style_{style:02d}.mp4',
      options=sadtalker_jax.Options(pose_style=style),
    )
    for number, style in enumerate(STYLES, 1)
  ]
  animator = sadtalker_jax.Animator.from_pretrained('default')
  for result in sadtalker_jax.run_jobs(animator, jobs):
    print(f'{result.output}: {result.status}, {result.error or result.frames}')


if __name__ == '__main__':
  main(*sys.argv[1:])
