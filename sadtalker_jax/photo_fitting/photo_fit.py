"""Fits of the packaged head to a photo: by landmarks, then by colours.

The fit to landmarks keeps identity, expression and pose; its light, and its
colours where they are free, go through the same descent as those of the
photometric fit, so that geometry alone makes the difference. Pictures are RGB
in [0, 1], S x S pixels; points are in their pixels, y down.
"""

from collections.abc import Sequence
import dataclasses
import pathlib
from typing import NamedTuple

import jax
import numpy as np

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
from sadtalker_jax.media import files
from sadtalker_jax.media import image as image_lib
from sadtalker_jax.ops import resize


class Photo(NamedTuple):
  """An aligned photo and where its landmarks put the face."""

  image: np.ndarray  # [S, S, 3] RGB in [0, 1]
  points: np.ndarray  # [468, 2] pixels of the image
  coefficients: np.ndarray  # [257] fitted to the landmarks, default light
  trans: alignment.TransParams  # alignment of the whole picture


class PhotoResult(NamedTuple):
  """A fit of a photo."""

  fit: photometric.PhotometricFit
  image: np.ndarray  # [S, S, 3] the face as drawn
  mask: np.ndarray  # [S, S]
  error: float  # mean landmark error, percent of the inter-ocular distance


def read(path: pathlib.Path, bundle: bundle_lib.Bundle, size: int) -> Photo:
  """A photo with its largest face aligned.

  Args:
    path: Picture file.
    bundle: Detector, landmark networks and face model.
    size: Side of the aligned photo, pixels.

  Raises:
    InputError: There is no picture, or no clear face.
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
    photo: Result of `read`.
    model: Face model with dense landmarks and a group called skin.
    albedo: Whether every vertex has its own colour, or all have one.
    steps: Number of steps of gradient descent.

  Returns:
    The fit to landmarks, the photometric fit, and the mean colour distance of
    each over the skin that both show, in [0, sqrt(3)].
  """
  size = len(photo.image)
  mask = regions.skin_mask(photo.points, (size, size))
  wanted = photometric.target(
    model, photo.image, mask=mask, landmarks=photo.points
  )
  total = (photo.image * mask[..., None]).sum((0, 1))
  light = 0.8 * 0.886227  # the light of the start, method 6.5
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
  """Mean landmark error, percent of the inter-ocular distance."""
  part = coeffs.split(vector)
  shape = morphable.shape(model, part.identity, part.expression)
  posed = camera.transform(
    morphable.dense_landmarks(model, shape), part.angles, part.translation
  )
  found = camera.project_to_picture(posed, renderer.frame(size))[:, :2]
  gap = np.linalg.norm(np.asarray(found) - points, axis=-1).mean()
  return float(100 * gap / measures.interocular(points))


def picture(
  photo: Photo, results: Sequence[PhotoResult], model: morphable.MorphableModel
) -> np.ndarray:
  """Photo, fits over it and their geometries side by side.

  Args:
    photo: The photo.
    results: R fits of the photo.
    model: Face model of the fits.

  Returns:
    uint8 [S, (1 + 2 R) S, 3].
  """
  panels = [photo.image]
  for result in results:
    mask = result.mask[..., None]
    panels.append(result.image * mask + photo.image * (1 - mask))
  shapes = np.stack([result.fit.coefficients for result in results])
  drawn = renderer.render(model, shapes, view=len(photo.image), look='geometry')
  panels += list(np.asarray(drawn.image))
  wide = np.clip(np.concatenate(panels, 1), 0, 1)
  return (255 * wide).round().astype(np.uint8)


def save(
  stem: pathlib.Path,
  photo: Photo,
  results: tuple[PhotoResult, PhotoResult],
  model: morphable.MorphableModel,
) -> None:
  """Writes `<stem>.npz`, the photometric fit, and `<stem>.png`, `picture`.

  Args:
    stem: Path without a suffix.
    photo: The photo.
    results: The fit to landmarks and the photometric fit.
    model: Face model of the fits.
  """
  with (
    files.replacing(f'{stem}.npz', overwrite=True) as part,
    part.open('wb') as file,
  ):
    np.savez_compressed(
      file,
      coefficients=results[1].fit.coefficients,
      albedo=np.asarray(results[1].fit.albedo),
      trans=np.array(photo.trans),
    )
  shown = picture(photo, results, model)
  image_lib.save_png(f'{stem}.png', shown, overwrite=True)
