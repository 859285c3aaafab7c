"""Fits the packaged head to photos: by landmarks, then by what they look like.

    python -m sadtalker_jax.cli.fit_photo --output FOLDER photo.jpg ...

Writes for every photo FOLDER/<name>_fit.npz (coefficients [257], albedo
[V, 3], trans [5], the alignment of the picture) and <name>_fit.png: the aligned
photo, the fit to landmarks, the photometric fit, and the geometry of both.
Prints for both fits the mean colour distance over the skin that both show, in
[0, sqrt(3)], and the mean landmark error in percent of the inter-ocular
distance.

The fit to landmarks keeps identity, expression and pose; its light, and with
--albedo its colours, go through the same descent, so that geometry alone makes
the difference.
"""

import argparse
from collections.abc import Sequence
import dataclasses
import pathlib
import sys
from typing import NamedTuple

import jax
import numpy as np

from sadtalker_jax import errors
from sadtalker_jax.face3d import (
  alignment,
  camera,
  coeffs,
  measures,
  regions,
  renderer,
)
from sadtalker_jax.face3d.bases import morphable
from sadtalker_jax.face3d.fitting import landmark_fit, photometric
from sadtalker_jax.inference import bundle as bundle_lib
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.inference import portrait
from sadtalker_jax.media import image as image_lib
from sadtalker_jax.ops import resize


class Photo(NamedTuple):
  """An aligned photo and where its landmarks put the face."""

  image: np.ndarray  # [S, S, 3] RGB in [0, 1]
  points: np.ndarray  # [468, 2] pixels of the image
  coefficients: np.ndarray  # [257] of the landmarks, default light
  trans: alignment.TransParams  # of the whole picture


class PhotoResult(NamedTuple):
  """A fit of a photo."""

  fit: photometric.PhotometricFit
  image: np.ndarray  # [S, S, 3] the face as drawn
  mask: np.ndarray  # [S, S]
  error: float  # of the landmarks, percent


def read(path: pathlib.Path, bundle: bundle_lib.Bundle, size: int) -> Photo:
  """A photo with its largest face aligned at `size` x `size` pixels.

  Raises:
    InputError: no picture, or no clear face.
  """
  picture = image_lib.load_first_frame(path)
  height, width = picture.shape[:2]
  points = portrait.locate(picture, bundle, options_lib.Options())
  fit = landmark_fit.fit_image(points, (width, height), bundle.model)
  corners = np.array([[0.0, camera.SIZE], [camera.SIZE, 0.0]])
  corners = np.asarray(camera.aligned_to_picture(corners, fit.trans))
  (x0, y0), (x1, y1) = corners.tolist()
  crop = resize.window(picture, (x0, y0, x1, y1), (size, size)) / 255
  inside = (points[:468, :2] - [x0, y0]) * size / (x1 - x0)
  parts = coeffs.from_row(fit.identity, fit.rows[0])
  return Photo(
    crop.astype(np.float32),
    inside.astype(np.float32),
    np.asarray(coeffs.join(parts), np.float32),
    fit.trans,
  )


def fit_both(
  photo: Photo, model: morphable.MorphableModel, *, albedo: bool, steps: int
) -> tuple[PhotoResult, PhotoResult, tuple[float, float]]:
  """The fit to landmarks, the photometric one, and their colour distances.

  Args:
    photo: of `read`.
    model: with dense landmarks and a group called skin.
    albedo: whether every vertex has its own colour, or all have one.
    steps: of gradient descent.
  """
  size = len(photo.image)
  mask = regions.skin_mask(photo.points, (size, size))
  wanted = photometric.target(
    model, photo.image, mask=mask, landmarks=photo.points
  )
  total = (photo.image * mask[..., None]).sum((0, 1))
  light = 0.8 * 0.886227  # that of the start, reference 6.5
  tone = np.tile(total / mask.sum() / light, (model.num_vertices, 1))
  skin = np.asarray(model.triangles)[model.group('skin')]
  free = photometric.Rates() if albedo else photometric.Rates(albedo=0.0)
  held = dataclasses.replace(
    free, identity=0.0, expression=0.0, angles=0.0, translation=0.0
  )
  on_device = jax.device_put(model)

  def run(rates: photometric.Rates) -> PhotoResult:
    fit = photometric.fit(
      on_device,
      wanted,
      photo.coefficients,
      view=size,
      albedo=tone,
      triangles=skin,
      rates=rates,
      steps=steps,
    )
    drawn = renderer.render(
      on_device,
      fit.coefficients,
      view=size,
      albedo=fit.albedo,
      triangles=skin,
    )
    error = _landmark_error(fit.coefficients, photo.points, model, size)
    return PhotoResult(
      fit, np.asarray(drawn.image), np.asarray(drawn.mask), error
    )

  first, second = run(held), run(free)
  both = mask * first.mask * second.mask

  def distance(result: PhotoResult) -> float:
    gap = np.linalg.norm(result.image - photo.image, axis=-1)
    return float((gap * both).sum() / both.sum())

  return first, second, (distance(first), distance(second))


def _landmark_error(
  vector: np.ndarray,
  points: np.ndarray,
  model: morphable.MorphableModel,
  size: int,
) -> float:
  part = coeffs.split(vector)
  shape = morphable.shape(model, part.identity, part.expression)
  posed = camera.transform(
    morphable.dense_landmarks(model, shape), part.angles, part.translation
  )
  found = camera.project_to_picture(posed, renderer.frame(size))[:, :2]
  gap = np.linalg.norm(np.asarray(found) - points, axis=-1).mean()
  return float(100 * gap / measures.interocular(points))


def _picture(
  photo: Photo, results: Sequence[PhotoResult], model: morphable.MorphableModel
) -> np.ndarray:
  """Photo, both fits over it, both geometries, side by side; uint8."""
  panels = [photo.image]
  for result in results:
    mask = result.mask[..., None]
    panels.append(result.image * mask + photo.image * (1 - mask))
  shapes = np.stack([result.fit.coefficients for result in results])
  drawn = renderer.render(model, shapes, view=len(photo.image), look='geometry')
  panels += list(np.asarray(drawn.image))
  wide = np.clip(np.concatenate(panels, 1), 0, 1)
  return (255 * wide).round().astype(np.uint8)


def main(argv: Sequence[str] | None = None) -> int:
  """Fits photos; returns the exit code."""
  parser = argparse.ArgumentParser(
    description=(__doc__ or '').split('\n', maxsplit=1)[0],
    formatter_class=argparse.ArgumentDefaultsHelpFormatter,
  )
  add = parser.add_argument
  add('photos', nargs='+', type=pathlib.Path, help='picture files')
  add('--output', required=True, type=pathlib.Path, help='folder to write to')
  add('--size', type=int, default=160, help='side of the aligned photo, pixels')
  add('--steps', type=int, default=200, help='of gradient descent')
  add('--albedo', action='store_true', help='a colour for every vertex')
  flags = parser.parse_args(argv)
  if flags.size < 16 or flags.steps < 1:
    parser.error('expected --size of at least 16 and --steps of at least 1')
  try:
    flags.output.mkdir(parents=True, exist_ok=True)
    bundle = bundle_lib.load()
    for path in flags.photos:
      photo = read(path, bundle, flags.size)
      first, second, distance = fit_both(
        photo, bundle.model, albedo=flags.albedo, steps=flags.steps
      )
      stem = flags.output / f'{path.stem}_fit'
      np.savez_compressed(
        f'{stem}.npz',
        coefficients=second.fit.coefficients,
        albedo=np.asarray(second.fit.albedo),
        trans=np.array(photo.trans),
      )
      picture = _picture(photo, (first, second), bundle.model)
      image_lib.save_png(f'{stem}.png', picture, overwrite=True)
      print(
        f'{path.name}: colour distance {distance[0]:.4f} -> {distance[1]:.4f} '
        f'({100 * (distance[1] / distance[0] - 1):+.0f} %), landmarks '
        f'{first.error:.2f} -> {second.error:.2f} %'
      )
  except (errors.InputError, OSError) as error:
    print(f'fit_photo: {error}', file=sys.stderr)
    return 2
  return 0


if __name__ == '__main__':
  sys.exit(main())
