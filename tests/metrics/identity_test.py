"""Cosines of embeddings."""

import numpy as np
import pytest

from sadtalker_jax.metrics import identity


def test_similarities_are_the_reference(golden):
  embeddings = golden['arcface/in/embedding']
  found = identity.similarities(embeddings[0], embeddings)
  want = golden['arcface/out/cosine_to_first']
  np.testing.assert_allclose(found, want, atol=1e-6)  # float32 there


def test_the_same_face_has_one_however_long_its_embedding():
  faces = np.random.default_rng(0).normal(size=(4, 512))
  assert identity.csim(faces, 7 * faces) == pytest.approx(1, abs=1e-12)
  assert identity.csim(faces[0], np.tile(faces[0], (3, 1))) == pytest.approx(1)


def test_opposite_and_square_faces():
  found = identity.similarities(
    np.array([1.0, 0.0]), np.array([[-2.0, 0.0], [0.0, 3.0]])
  )
  np.testing.assert_allclose(found, [-1, 0], atol=1e-15)
  assert identity.csim([1, 0], [[-2, 0], [0, 3]]) == -0.5


def test_other_input_is_told():
  with pytest.raises(ValueError, match='embeddings'):
    identity.csim(np.ones(3), np.ones((0, 3)))
  with pytest.raises(ValueError, match='embeddings'):
    identity.csim(np.ones((2, 3)), np.ones((3, 3)))
  with pytest.raises(ValueError, match='zeros'):
    identity.csim(np.zeros(3), np.ones((2, 3)))
