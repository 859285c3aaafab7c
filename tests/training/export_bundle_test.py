"""Bundles of finished runs, whose networks are stand-ins here."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sadtalker_jax import errors
from sadtalker_jax.checkpoints import bundles
from sadtalker_jax.training import export_bundle


@pytest.fixture(autouse=True)
def _runs(monkeypatch):
  """A run is named NETWORK of FACE_MODEL."""

  def trained(run, step):
    network, model = run.name.split(' of ')
    variables = {'params': {'w': np.zeros(3, np.float32)}}
    return {'morphable': {'kind': model}}, {network: ({}, variables)}

  monkeypatch.setattr(export_bundle, 'trained', trained)


def test_the_card_names_the_face_model(tmp_path):
  runs = [tmp_path / 'recon of ict', tmp_path / 'posevae of ict']
  assert export_bundle.bundle(runs, tmp_path / 'mine').morphable == 'ict'
  alone = export_bundle.bundle(
    [tmp_path / 'syncnet of bfm'], tmp_path / 'expert'
  )
  assert alone.morphable is None


def test_only_networks_that_are_named_are_kept(tmp_path):
  runs = [tmp_path / 'recon of ict', tmp_path / 'posevae of ict']
  card = export_bundle.bundle(
    runs, tmp_path / 'mine', names=['posevae'], licence='mine'
  )
  assert list(card.networks) == ['posevae'] and card.licence == 'mine'
  with pytest.raises(errors.InputError, match='posevae, recon, found mapping'):
    export_bundle.bundle(runs, tmp_path / 'more', names=['mapping'])
  assert not (tmp_path / 'more').exists()


def test_halves_are_read_as_float32(tmp_path, monkeypatch):
  values = np.linspace(-1, 1, 3, dtype=np.float32) / 3
  variables = {'params': {'w': values}, 'batch_stats': {'var': 1e6 * values}}

  def trained(run, step):
    return {'morphable': {'kind': 'ict'}}, {run.name: ({}, variables)}

  monkeypatch.setattr(export_bundle, 'trained', trained)
  export_bundle.bundle([tmp_path / 'recon'], tmp_path / 'mine', half=True)
  like = jax.ShapeDtypeStruct((3,), jnp.float32)
  shapes = {'params': {'w': like}, 'batch_stats': {'var': like}}
  found = bundles.load(tmp_path / 'mine', 'recon', shapes)
  assert found['params']['w'].dtype == np.float32
  np.testing.assert_array_equal(found['params']['w'], values.astype(np.float16))
  # Variances of norms are larger than float16 holds.
  np.testing.assert_array_equal(found['batch_stats']['var'], 1e6 * values)
  variables['params']['w'] = 1e6 * values
  with pytest.raises(errors.InputError, match='recon: .* 65504, .* 333333'):
    export_bundle.bundle([tmp_path / 'recon'], tmp_path / 'big', half=True)


def test_networks_of_two_face_models_are_refused(tmp_path):
  runs = [tmp_path / 'recon of bfm', tmp_path / 'expnet of makehuman']
  with pytest.raises(
    errors.InputError, match='expnet of makehuman, recon of bfm'
  ):
    export_bundle.bundle(runs, tmp_path / 'mine')
  # Translations of PoseVAE are in the places of a face model, too.
  runs = [tmp_path / 'expnet of bfm', tmp_path / 'posevae of makehuman']
  with pytest.raises(errors.InputError, match='posevae of makehuman'):
    export_bundle.bundle(runs, tmp_path / 'mine')
  assert not (tmp_path / 'mine').exists()
