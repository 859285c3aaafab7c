"""What the page's endpoints take and refuse, without a browser."""

import io
import json
import zipfile

import numpy as np
import pytest

pytest.importorskip('gradio')

from starlette import testclient  # noqa: E402

from sadtalker_jax import errors  # noqa: E402
from sadtalker_jax.app import batches, controls, page, texts  # noqa: E402
from sadtalker_jax.inference import pipeline  # noqa: E402
from sadtalker_jax.media import video  # noqa: E402
from sadtalker_jax.serving import api, forms, limits, tokens  # noqa: E402
from sadtalker_jax.serving import service as service_lib  # noqa: E402

# Of Gradio: it leaves sockets and loops to the garbage collector.
pytestmark = [
  pytest.mark.filterwarnings('ignore::DeprecationWarning'),
  pytest.mark.filterwarnings('ignore::ResourceWarning'),
  pytest.mark.filterwarnings('ignore::pytest.PytestUnraisableExceptionWarning'),
]


@pytest.fixture(scope='module')
def client(tmp_path_factory):
  service = service_lib.Service(
    pipeline.Animator(),
    tmp_path_factory.mktemp('page') / 'server',
    limits=limits.Limits(request_bytes=300_000),
  )
  app = page.mounted(api.application(service), service, None)
  with testclient.TestClient(app, base_url='http://localhost') as result:
    yield result


def _called(client, name: str, data: list) -> str:
  """What a browser is told of a call."""
  call = client.post(f'/gradio_api/call/{name}', json={'data': data})
  assert call.status_code == 200, call.text
  events = f'/gradio_api/call/{name}/{call.json()["event_id"]}'
  return client.get(events).text


def test_endpoints_have_names_that_stay(client):
  named = client.get('/gradio_api/info').json()['named_endpoints']
  assert set(named) == {
    '/animate', '/cancel', '/preview', '/number_faces', '/batch', '/detect',
  }  # fmt: skip


@pytest.mark.parametrize(
  'path',
  [
    '/etc/passwd',
    'file:///etc/passwd',
    'http://127.0.0.1:9/x.png',
    'http://169.254.169.254/latest/meta-data',
    '../../etc/passwd',
  ],
)
def test_files_that_were_not_uploaded_are_refused(client, path):
  given = {'path': path, 'meta': {'_type': 'gradio.FileData'}}
  told = _called(client, 'detect', [given])
  assert 'event: error' in told
  assert 'root:' not in told
  answer = client.get(f'/gradio_api/file={path}', follow_redirects=False)
  assert answer.status_code in (403, 404), answer.text


def test_play_lists_lead_to_no_other_file(client, tmp_path):
  film = tmp_path / 'film.mp4'
  with video.VideoWriter(film, fps=25) as writer:
    for _ in range(3):
      writer.write(np.zeros((64, 64, 3), np.uint8))
  text = f'#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:1,\n{film}\n'
  files = {'files': ('list.m3u8', text + '#EXT-X-ENDLIST\n')}
  (path,) = client.post('/gradio_api/upload', files=files).json()
  assert path.endswith('.m3u8')
  assert video.probe(path).size == (64, 64)  # it is one
  told = _called(
    client, 'detect', [{'path': path, 'meta': {'_type': 'gradio.FileData'}}]
  )
  assert 'event: error' in told and 'file: expected' in told, told


def test_what_is_not_of_the_page_is_closed(client):
  for path in ('/monitoring', '/docs', '/redoc', '/gradio_api/file=README.md'):
    assert not client.get(path, follow_redirects=False).is_success, path
  origin = {'Origin': 'https://evil.example'}
  answer = client.post('/gradio_api/call/animate', headers=origin, json={})
  assert answer.status_code == 403
  large = {'files': ('x.wav', b'0' * 400_000)}
  assert client.post('/gradio_api/upload', files=large).status_code == 413
  config = client.get('/config').json()
  assert not config.get('run_history')
  # Browsers would show 0 for none, and send it.
  numbers = [c for c in config['components'] if c['type'] == 'number']
  assert all(c['props'].get('value') is not None for c in numbers)
  assert 'googleapis' not in client.get('/').text


def test_a_stranger_needs_a_name_and_its_token(tmp_path):
  listed = tmp_path / 'tokens.txt'
  listed.write_text('one ' + 'a' * 16)
  listed.chmod(0o600)
  known = tokens.Tokens.read(listed)
  service = service_lib.Service(pipeline.Animator(), tmp_path / 'server')
  app = page.mounted(
    api.application(service, known, hosts=None), service, known
  )
  with testclient.TestClient(app) as client:
    assert client.get('/config').status_code == 401
    for name, token in (('one', 'b' * 16), ('two', 'a' * 16)):
      login = {'username': name, 'password': token}
      assert client.post('/login', data=login).status_code == 400
    login = {'username': 'one', 'password': 'a' * 16}
    assert client.post('/login', data=login).status_code == 200
    assert client.get('/config').status_code == 200


def _zip(**entries: bytes) -> zipfile.ZipFile:
  buffer = io.BytesIO()
  with zipfile.ZipFile(buffer, 'w') as file:
    for name, content in entries.items():
      file.writestr(name.replace('__', '.'), content)
  return zipfile.ZipFile(buffer)


@pytest.mark.parametrize(
  ('manifest', 'message'),
  [
    (b'', 'expected 1 to 100 lines, found 0'),
    (b'\xff', 'expected the text jobs.jsonl'),
    (b'[]', 'line 1: expected a JSON object'),
    (b'{"image": "a", "audio": "b"}', 'line 1: output: expected a name'),
    (b'{"image": 3, "output": "c.mp4"}', 'line 1: image: expected a name'),
    (b'{"speakers": 3, "output": "c.mp4"}', 'line 1: speakers: expected faces'),
    (
      b'{"image": "a", "audio": "b", "output": "../c.mp4"}',
      'without folders',
    ),
    (b'{"image": "a", "audio": "b", "output": "c.mp4"}\n' * 2, 'every output'),
  ],
)
def test_faulty_archives_are_refused_in_one_line(manifest, message):
  with pytest.raises(errors.InputError, match=message):
    batches.read(_zip(jobs__jsonl=manifest))


def test_lines_of_an_archive_are_read():
  line = {'image': '../a.png', 'output': 'c.mp4', 'seed': 1}
  line['speakers'] = {'1': 'b.wav', '0': 'd.wav'}
  (read,) = batches.read(_zip(jobs__jsonl=json.dumps(line).encode()))
  files = {'image': '../a.png', 'speaker_0': 'd.wav', 'speaker_1': 'b.wav'}
  assert read == batches.Line(files, 'c.mp4', {'seed': 1})


def test_controls_are_those_of_the_api():
  names = controls.names()
  assert set(names) == set(forms.offered())
  given = dict.fromkeys(names) | {'seed': '3', 'still': True, 'emotion': 'sad'}
  given |= {'pose_style': 4.0, 'fps': '', 'idle': None}
  given |= {'size': 256, 'crop': '', 'gaze': '1 2', 'blink': True}
  files = dict.fromkeys(controls.file_names()) | {'speakers': ['a', 'b']}
  files['keyframes'] = 'k'
  found = controls.read([*given.values(), *files.values()])
  assert forms.read(found.values) == {
    'seed': 3, 'still': True, 'pose_style': 4, 'emotion': ('sad', 1.0),
    'gaze': (1.0, 2.0),
  }  # fmt: skip
  assert {name: str(path) for name, path in found.files.items()} == {
    'speaker_0': 'a', 'speaker_1': 'b', 'keyframes': 'k',
  }  # fmt: skip


def test_languages_have_the_same_texts():
  assert texts.GERMAN.keys() == texts.ENGLISH.keys()
  assert all(texts.GERMAN.values())
