"""Stages that cannot be built; lists of stages that must agree."""

import dataclasses
import typing

import jax
import pytest

from input_pipeline import bench
from input_pipeline import stages as examples
from sadtalker_jax import conventions, errors
from sadtalker_jax.training import stages
from tests.training import cases


def test_unknown_words_are_refused():
  with pytest.raises(errors.InputError, match='stage: expected one of'):
    stages.get('dance')
  with pytest.raises(errors.InputError, match='gan_kind'):
    cases.config_of('renderer', gan_kind='magic')
  with pytest.raises(errors.InputError, match='remat'):
    cases.config_of('renderer', remat='some')
  with pytest.raises(errors.InputError, match='no texture'):
    cases.build('recon', cases.config_of('recon', loss__photometric=1.0))


def test_fields_that_a_network_lacks_are_refused():
  with pytest.raises(errors.InputError, match='model.width: .*model.widths'):
    cases.build('posevae', cases.config_of('posevae', model__width=3))
  with pytest.raises(errors.InputError, match='model.latent_size: .*found 6.5'):
    cases.build('posevae', cases.config_of('posevae', model__latent_size=6.5))
  config = cases.config_of('renderer', model__genrator={'depth': 4})
  with pytest.raises(errors.InputError, match='genrator: .*model.generator'):
    cases.build('renderer', config)
  config = cases.config_of('renderer', model__generator__deep=4)
  with pytest.raises(errors.InputError, match='model.generator.deep'):
    cases.build('renderer', config)


def test_a_group_without_an_optimizer_is_refused():
  config = cases.config_of('posevae')
  only = {'model': config.optimizer['model']}
  with pytest.raises(
    errors.InputError, match='optimizer.discriminator: .*pose_discriminator'
  ):
    cases.build('posevae', dataclasses.replace(config, optimizer=only))


def test_a_face_model_that_no_term_needs_may_be_missing(tmp_path):
  missing = {'kind': 'bfm', 'path': str(tmp_path / 'none')}
  config = cases.config_of('posevae', morphable=missing)
  assert not cases.build('posevae', config).stage.shows_clips
  weights = {'loss__landmarks': 0.0, 'loss__eyes': 0.0, 'loss__read': 0.0}
  config = cases.config_of('expnet', morphable=missing, **weights)
  built = cases.build('expnet', config)
  assert not built.stage.shows_clips and not built.frozen['data']
  state = jax.eval_shape(built.init, jax.random.key(0))
  _, terms = jax.eval_shape(
    built.train_step, state, cases.batch_of(config), built.frozen
  )
  assert 'distill' in terms and 'eyes' not in terms
  config = cases.config_of('expnet', morphable=missing)
  with pytest.raises(errors.InputError, match='none'):
    print(cases.build('expnet', config).frozen)


def test_every_list_of_stages_is_that_of_the_conventions():
  names = list(typing.get_args(conventions.StageName))
  assert list(stages.STAGES) == names
  # Clips are watched, no stage learns from them.
  assert list(examples.EXAMPLES) == [*names, 'clips']
  assert list(bench.BATCH_SIZES) == names
  assert set(cases.CASES) == set(names)
