"""What a user waits for: frames on the host, and videos of a manifest."""

import json
import pathlib
import tempfile
import time
from typing import Any
import wave

import numpy as np

from sadtalker_jax import conventions
from sadtalker_jax.benchmarks.accelerator import drawing, plan, record
from sadtalker_jax.models import zoo

_SIZES = {'small': 64, 'full': 256}  # of the manifest's frames, pixels
_SECONDS = {'small': 0.2, 'full': 4.0}  # of sound of a job
# Fields of the network of coefficients.
_RECON: dict[str, dict[str, Any]] = {
  'small': {'blocks': (1, 1, 1, 1), 'features': 8},
  'full': {},
}
_QUIET = np.float32(0.01)  # noise as heads of that network is far too strong


def stream(kept: record.Record, scale: plan.Scale) -> None:
  """Frames of a clip of bfloat16, every batch copied to the host."""
  from sadtalker_jax.inference import portrait, rendering, tracks
  from sadtalker_jax.inference.neural import neural_drawer, neural_portrait

  drawer = neural_drawer.NeuralDrawer(
    drawing.params(scale, 'bfloat16'), row_size=conventions.ROW_SIZE
  )
  picture, window, windows, angles = drawing.inputs(scale.size, scale.frames)
  square = np.round(255 * picture[0]).astype(np.uint8)
  side = float(scale.size)
  face = neural_portrait.SquarePortrait(
    square,
    np.zeros((68, 2)),
    portrait.Window(
      (0.0, 0.0, side, side), (scale.size,) * 2, (False,) * 4, False
    ),
    square,
    np.zeros(257),
    np.pad(window[0, 0], (0, 3)),
  )
  track = tracks.Track(windows[:, 0], angles)

  def run() -> tuple[int, float, float]:
    began = time.perf_counter()
    first, count = 0.0, 0
    clip = rendering.RenderJob(drawer, drawer.prepare(face), track)
    for part in rendering.stream([clip], scale.batch):
      first = first or time.perf_counter() - began
      count += len(part.frames)
    return count, first, time.perf_counter() - began

  _, first, _ = run()
  kept.put(first_frame_cold_seconds=first, batch=scale.batch)
  count, first, seconds = run()
  kept.put(
    frames=count,
    first_frame_warm_seconds=first,
    frames_per_second=count / seconds,
  )
  kept.check('frames too few', scale.frames - count, 0)


def jobs(kept: record.Record, scale: plan.Scale) -> None:
  """Videos of a manifest: sound and picture read, drawn, encoded."""
  from sadtalker_jax.inference import bundle as bundle_lib
  from sadtalker_jax.inference import options, pipeline
  from sadtalker_jax.inference.batch import jobs as jobs_lib
  from sadtalker_jax.inference.batch import manifest
  from sadtalker_jax.media import audio

  with tempfile.TemporaryDirectory() as scratch:
    folder = pathlib.Path(scratch)
    _write_bundle(folder / 'bundle', scale)
    samples = audio.load(bundle_lib.SAMPLE_SPEECH)[16_000:]
    sound = samples[: int(16_000 * _SECONDS[scale.name])]
    _write_sound(folder / 'sound.wav', sound)
    animator = pipeline.Animator.from_pretrained(
      folder / 'bundle', dtype='bfloat16'
    )
    defaults = options.Options(
      size=_SIZES[scale.name], expression_scale=0.05, renderer='neural'
    )
    for run in ('cold', 'warm'):
      path = folder / f'{run}.jsonl'
      lines = [
        {
          'image': str(bundle_lib.SAMPLE_PORTRAIT),
          'audio': 'sound.wav',
          'output': f'{run}_{number}.mp4',
        }
        for number in range(scale.jobs)
      ]
      path.write_text('\n'.join(json.dumps(x) for x in lines) + '\n')
      began = time.perf_counter()
      found = jobs_lib.run_jobs(
        animator, manifest.read(path, defaults), batch_size=scale.batch
      )
      seconds = time.perf_counter() - began
      count = sum(result.frames for result in found)
      wrong = [r.error for r in found if r.status != 'done']
      if wrong:
        kept.put(first_error=wrong[0])
      kept.put(
        **{
          f'{run}_seconds': seconds,
          f'{run}_frames_per_second': count / seconds,
        },
        videos=len(found),
        frames=count,
      )
      kept.check(f'videos that failed, {run}', len(wrong), 0)


def _write_bundle(folder: pathlib.Path, scale: plan.Scale) -> None:
  """A bundle of noise that animates."""
  from sadtalker_jax.checkpoints import bundles, cards

  fields = {**scale.networks, 'recon': _RECON[scale.name]}
  if scale.name == 'full':  # else the motion that ships is quicker
    fields |= {'expnet': {}, 'posevae': {}}
  with bundles.writing(folder) as place:
    for name, own in fields.items():
      variables = zoo.noise(name, **own)
      if name == 'recon':
        params = variables['params']
        for head in params.keys() - {'backbone'}:
          params[head] = {k: v * _QUIET for k, v in params[head].items()}
      bundles.add(place, name, variables)
    bundles.seal(
      place,
      size=_SIZES[scale.name],
      networks={n: cards.NetworkEntry(f, 1, ()) for n, f in fields.items()},
      sources=(),
      versions={},
      licence='',
      morphable='makehuman',
    )


def _write_sound(path: pathlib.Path, samples: np.ndarray) -> None:
  with wave.open(str(path), 'wb') as file:
    file.setnchannels(1)
    file.setsampwidth(2)
    file.setframerate(16_000)
    file.writeframes((samples * 32767).astype('<i2').tobytes())
