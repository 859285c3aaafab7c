"""Probes: what strangers try is refused, and leaves nothing."""

import datetime
import pathlib

import pytest
from starlette import testclient

from sadtalker_jax import errors
from sadtalker_jax.inference import bundle
from sadtalker_jax.serving import api, given_files, limits, tokens
from sadtalker_jax.serving import service as service_lib
from tests.serving import conftest

_TOKEN, _OTHER, _OLD = 'a' * 16, 'b' * 16, 'c' * 16


@pytest.fixture
def guarded(animator, tmp_path):
  """A client of a service with tokens and small limits, not drawing."""
  listed = tmp_path / 'tokens.txt'
  yesterday = datetime.date.today() - datetime.timedelta(days=2)
  listed.write_text(
    f'# ours\none {_TOKEN}\ntwo {_OTHER}\nold {_OLD} {yesterday}\n'
  )
  listed.chmod(0o600)
  service = service_lib.Service(
    animator,
    tmp_path / 'guarded',
    limits=limits.Limits(
      request_bytes=600_000, active=1, uploads=1, pixels=10_000
    ),
  )
  app = api.application(service, tokens.Tokens.read(listed), hosts=None)
  client = testclient.TestClient(app)
  client.headers['Authorization'] = f'Bearer {_TOKEN}'
  yield client
  service.close()


def _left(tmp_path: pathlib.Path) -> set[str]:
  return conftest.files_below(tmp_path / 'guarded')


@pytest.mark.parametrize(
  'given',
  [
    '/etc/passwd',
    '../../etc/passwd',
    'file:///etc/passwd',
    'http://169.254.169.254/latest/meta-data',
    'https://example.com/a.png',
    'upload_../../../../etc/passwd',
    'upload_' + '0' * 31 + '/',
    {'path': '/etc/passwd'},
    None,
    7,
  ],
)
def test_paths_and_urls_are_no_files(guarded, tmp_path, given):
  for names in (
    {'image': given, 'audio': given},
    {'video': given, 'audio': given},
    {'image': given, 'keyframes': given, 'idle': 1},
    {'image': given, 'speakers': {'0': given}},
  ):
    named = guarded.post('/v1/videos', json=names)
    assert named.status_code == 422, names
  if isinstance(given, str):
    boundary = {'x': (None, 'y')}  # makes it a multipart form
    field = guarded.post('/v1/videos', data={'image': given}, files=boundary)
    assert field.status_code == 422
    assert 'expected a file' in field.json()['error']['message']
    assert guarded.get(f'/v1/videos/{given}/content').status_code == 404
  assert _left(tmp_path) == set()


@pytest.mark.parametrize(
  'header', ['', 'Bearer', f'Bearer {_OLD}', 'Bearer wrong', f'Basic {_TOKEN}']
)
def test_without_a_good_token_nothing_is_answered(guarded, header):
  for method, path in (
    ('GET', '/v1/videos'),
    ('POST', '/v1/videos'),
    ('POST', '/v1/detect'),
    ('GET', '/metrics'),
  ):
    answer = guarded.request(method, path, headers={'Authorization': header})
    assert answer.status_code == 401, path
    assert answer.headers['www-authenticate'] == 'Bearer'


def test_jobs_and_uploads_of_others_are_not_there(guarded, speech, tmp_path):
  small = conftest.sent(speech)
  upload = guarded.post('/v1/uploads', files={'file': small['audio']}).json()
  other = {'Authorization': f'Bearer {_OTHER}'}
  named = {'image': upload['id'], 'audio': upload['id']}
  answer = guarded.post('/v1/videos', json=named, headers=other)
  assert answer.status_code == 422
  assert 'POST /v1/uploads' in answer.text
  # One upload is all that this service keeps of a token.
  again = guarded.post('/v1/uploads', files={'file': small['audio']})
  assert again.status_code == 429


def test_a_stranger_does_not_see_jobs_and_one_is_enough(
  animator, tmp_path, speech
):
  service = service_lib.Service(
    animator, tmp_path / 'server', limits=limits.Limits(active=1)
  )
  try:
    with service.receiving() as folder:
      for kind, (_, content) in conftest.sent(speech).items():
        (folder / kind).write_bytes(content)
      job = service.submit('one', given_files.kept_in(folder), {})
    assert service.job('two', job.id) is None
    assert service.job('one', job.id) == job
    with pytest.raises(service_lib.Busy, match='at most 1 job'):
      service.check_room('one')
    service.check_room('two')
    with pytest.raises(errors.InputError, match='no other server'):
      service_lib.Service(animator, tmp_path / 'server')
  finally:
    service.close()


def test_large_bodies_are_refused_whether_or_not_they_say_so(guarded, tmp_path):
  large = b'0' * 700_000
  files = {'image': large, 'audio': b'0'}
  assert guarded.post('/v1/videos', files=files).status_code == 413
  chunks = (large[:50_000] for _ in range(14))  # of no stated length
  kind = {'Content-Type': 'multipart/form-data; boundary=b'}
  answer = guarded.post('/v1/videos', content=chunks, headers=kind)
  assert answer.status_code in (400, 413)
  head = b'--b\r\nContent-Disposition: form-data; name="image"; filename="a"'
  chunks = iter([head + b'\r\n\r\n', *[large[:50_000]] * 14])
  answer = guarded.post('/v1/videos', content=chunks, headers=kind)
  assert answer.status_code == 413
  assert 'at most 0.6 MB' in answer.json()['error']['message']
  answer = guarded.post('/v1/videos', json={'image': 'x' * 70_000})
  assert answer.status_code == 413
  assert _left(tmp_path) == set()


def test_large_pictures_and_other_files_are_refused(guarded, tmp_path, speech):
  good = conftest.sent(speech)
  good['image'] = bundle.SAMPLE_PORTRAIT.read_bytes()
  answer = guarded.post('/v1/videos', files=good)
  assert answer.status_code == 422
  assert 'million pixels' in answer.json()['error']['message']
  for content in (b'', b'\0' * 100, b'<svg/>', b'GIF89a', speech.read_bytes()):
    files = good | {'image': content}
    answer = guarded.post('/v1/videos', files=files)
    assert answer.status_code == 422, content[:10]
    message = answer.json()['error']['message']
    assert message.startswith('image: expected'), message
    assert str(tmp_path) not in message
  assert _left(tmp_path) == set()


@pytest.mark.parametrize(
  'body', ['', '[]', '{', '[' * 60_000, '{"a": 1' + '0' * 6000 + '}', '\xff']
)
def test_bodies_that_are_no_objects_are_refused(guarded, body):
  kind = {'Content-Type': 'application/json'}
  answer = guarded.post('/v1/videos', content=body.encode(), headers=kind)
  assert answer.status_code in (400, 422)
  assert answer.json()['error']['message']
  answer = guarded.post(
    '/v1/videos', content=b'x', headers={'Content-Type': 'text/plain'}
  )
  assert answer.status_code == 415


def test_pages_of_other_sites_reach_nothing(client, guarded):
  for origin in ('https://evil.example', 'null', 'http://localhost.evil.com'):
    answer = client.post('/v1/videos', headers={'Origin': origin})
    assert answer.status_code == 403, origin
  assert (
    client.get('/healthz')
    .headers.keys()
    .isdisjoint(
      {'access-control-allow-origin', 'access-control-allow-credentials'}
    )
  )
  # A name of somebody else that leads here (DNS rebinding).
  answer = client.get('/v1/videos', headers={'Host': 'evil.example'})
  assert answer.status_code == 421
  assert client.get('/healthz', headers={'Host': '127.0.0.1:8000'}).is_success
  # With tokens the host may have any name.
  named = guarded.get('/v1/videos', headers={'Host': 'videos.example'})
  assert named.status_code == 200


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('# none\n', 'expected tokens, found none'),
    ('one short\n', 'expected a token of 16 characters or more, found 5'),
    ('lonely\n', 'found 1 words'),
    (f'a {_TOKEN} tomorrow\n', "expected a day such as 2027-01-31, found 'tom"),
    (f'a {_TOKEN}\na {_OTHER}\n', 'expected every name once'),
  ],
)
def test_faulty_files_of_tokens_are_refused(tmp_path, text, message):
  path = tmp_path / 'tokens.txt'
  path.write_text(text)
  path.chmod(0o600)
  with pytest.raises(errors.InputError, match=message):
    tokens.Tokens.read(path)
