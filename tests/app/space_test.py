"""The page as a Space, which everybody may use and the Hub may frame."""

import importlib.util
import pathlib

import pytest

pytest.importorskip('gradio')

from starlette import testclient  # noqa: E402

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'examples'

# Of Gradio, as in page_test.
pytestmark = [
  pytest.mark.filterwarnings('ignore::DeprecationWarning'),
  pytest.mark.filterwarnings('ignore::ResourceWarning'),
  pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning'),
]


def test_a_space_shows_the_page_to_everybody(tmp_path):
  path = EXAMPLES / 'space' / 'app.py'
  spec = importlib.util.spec_from_file_location('space_app', path)
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  app = module.application(str(tmp_path / 'space'))
  with testclient.TestClient(
    app, base_url='https://me-space.hf.space'
  ) as client:
    answer = client.get('/')
    assert answer.status_code == 200
    assert 'x-frame-options' not in answer.headers
    assert 'huggingface.co' in answer.headers['content-security-policy']
    # Behind the Hub's proxy its pages are those of this host.
    same = {'Origin': 'https://me-space.hf.space'}
    assert client.post('/v1/detect', headers=same).status_code == 415
    other = {'Origin': 'https://evil.example'}
    assert client.post('/v1/detect', headers=other).status_code == 403
