"""One small folder of records for all tests of the input pipeline."""

import pathlib

import pytest

from input_pipeline import random_records

SPEAKERS = {'anna': 3, 'bert': 5, 'cleo': 4}


@pytest.fixture(scope='session')
def folder(tmp_path_factory) -> pathlib.Path:
  path = tmp_path_factory.mktemp('records')
  random_records.write(path, {'train': SPEAKERS, 'validation': {'dora': 1}})
  return path
