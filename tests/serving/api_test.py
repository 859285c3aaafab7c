"""Jobs over HTTP, made with the default renderer."""

import io
import time

import av
import pytest

from sadtalker_jax.inference import bundle
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.marking import embedding, payloads
from sadtalker_jax.media import image
from sadtalker_jax.serving import limits
from tests.serving import conftest


def test_a_job_ends_as_a_video_and_leaves_nothing_when_deleted(
  client, service, speech, tmp_path
):
  answer = client.post(
    '/v1/videos',
    files=conftest.sent(speech),
    data={'seed': '3', 'still': 'true', 'consent': 'true'},
  )
  assert answer.status_code == 202, answer.text
  job = answer.json()
  assert job['status'] in ('queued', 'running')
  assert (job['options'], job['consent']) == ({'seed': 3, 'still': True}, True)
  assert client.get('/v1/videos').json()['data'][0]['id'] == job['id']

  done = conftest.ended(client, job['id'])
  assert (done['status'], done['progress'], done['frames']) == (
    'completed',
    1.0,
    3,
  ), done
  assert len(done['mark']) == 6
  video = client.get(f'/v1/videos/{job["id"]}/content')
  assert video.headers['content-type'] == 'video/mp4'
  with av.open(io.BytesIO(video.content)) as file:
    assert sum(1 for _ in file.decode(video=0)) == 3
  part = client.get(
    f'/v1/videos/{job["id"]}/content', headers={'Range': 'bytes=4-7'}
  )
  assert (part.status_code, part.content) == (206, b'ftyp')
  # What was sent is gone, the result stays.
  folder = tmp_path / 'server'
  assert conftest.files_below(folder) == {f'jobs/{job["id"]}/video.mp4'}

  metrics = client.get('/metrics').text
  assert 'sadtalker_jobs_total{status="completed"} 1.0' in metrics
  assert client.get('/healthz').json() == {'status': 'ok'}

  assert client.delete(f'/v1/videos/{job["id"]}').status_code == 204
  assert conftest.files_below(folder) == set()
  for path in ('', '/content'):
    assert client.get(f'/v1/videos/{job["id"]}{path}').status_code == 404


def test_a_listener_is_directed_without_a_recording(client):
  words = b'[{"time": 0, "pose": [3, 0, 0]}, {"time": 1, "emotion": "sad"}]'
  files = {'image': bundle.SAMPLE_PORTRAIT.read_bytes(), 'keyframes': words}
  chosen = {'idle': '0.12', 'gaze': '4 -2', 'blink_rate': '9', 'crop': ''}
  job = client.post('/v1/videos', files=files, data=chosen).json()
  assert job['options'] == {
    'idle': 0.12, 'gaze': [4, -2], 'blink_rate': 9, 'crop': None,
  }  # fmt: skip
  done = conftest.ended(client, job['id'])
  assert (done['status'], done['frames']) == ('completed', 3), done


def test_uploads_serve_a_job_by_their_names(client, speech):
  names = {
    kind: client.post('/v1/uploads', files={'file': file}).json()['id']
    for kind, file in conftest.sent(speech).items()
  }
  for _ in range(2):
    answer = client.post('/v1/videos', json=names | {'blink': False})
    assert answer.status_code == 202
    client.post(f'/v1/videos/{answer.json()["id"]}/cancel')
  # A name that is made up names nothing.
  wrong = names | {'audio': 'upload_' + '0' * 32}
  answer = client.post('/v1/videos', json=wrong)
  assert answer.status_code == 422
  assert 'POST /v1/uploads' in answer.json()['error']['message']


def test_cancelled_jobs_free_the_device_and_others_go_on(
  client, service, speech, tmp_path
):
  long = conftest.write_speech(tmp_path / 'long.wav', 16)
  running, waiting, other = (
    client.post('/v1/videos', files=conftest.sent(sound)).json()['id']
    for sound in (long, long, speech)
  )
  while not service.progress(service.table.get(running)):
    time.sleep(0.02)
  for id in (waiting, running):
    client.post(f'/v1/videos/{id}/cancel')
  assert conftest.ended(client, running)['status'] == 'cancelled'
  assert conftest.ended(client, waiting)['status'] == 'cancelled'
  assert conftest.ended(client, other)['status'] == 'completed'
  left = conftest.files_below(tmp_path / 'server')
  assert left == {f'jobs/{other}/video.mp4'}
  # Nothing changes for those that have ended.
  assert client.post(f'/v1/videos/{other}/cancel').json()['status'] == (
    'completed'
  )


def test_a_picture_without_a_face_fails_with_the_reason(
  client, speech, tmp_path
):
  grey = tmp_path / 'grey.png'
  image.save_png(grey, image.load(bundle.SAMPLE_PORTRAIT)[:80, :80])
  files = conftest.sent(speech) | {'image': grey.read_bytes()}
  id = client.post('/v1/videos', files=files).json()['id']
  job = conftest.ended(client, id)
  assert job['status'] == 'failed'
  assert 'face' in job['error']['message']
  assert str(tmp_path) not in job['error']['message']
  assert client.get(f'/v1/videos/{id}/content').status_code == 409


def test_the_mark_is_found(client, tmp_path):
  picture = image.load(bundle.SAMPLE_PORTRAIT)
  size = (picture.shape[1], picture.shape[0])
  payload = payloads.Payload(model=1, job=0xABCDEF)
  marker = embedding.Marker(picture, size, payload)
  image.save_png(tmp_path / 'marked.png', marker.mark(picture))
  answer = client.post(
    '/v1/detect', files={'file': (tmp_path / 'marked.png').read_bytes()}
  )
  assert (answer.json()['found'], answer.json()['job']) == ('payload', 'abcdef')


def test_openapi_names_every_option_and_refusal(client):
  found = client.get('/openapi.json').json()
  post = found['paths']['/v1/videos']['post']
  content = post['requestBody']['content']
  fields = content['multipart/form-data']['schema']['properties']
  assert {'seed', 'still', 'consent', 'preprocess'} <= set(fields)
  # Whatever can be chosen, but for files of the server and the owner's choice.
  withheld = {'batch_size', 'bfm_folder', 'face3dvis', 'label_font', 'mark'}
  withheld |= {'mark_key', 'sign', 'speakers'}
  missing = options_lib.by_name().keys() - fields.keys()
  assert missing == withheld
  for name in ('image', 'video', 'drive', 'keyframes', 'ref_pose', 'speaker_0'):
    assert fields[name]['format'] == 'binary', name
  assert {'401', '413', '422', '429'} <= set(post['responses'])


@pytest.mark.parametrize(
  ('field', 'value', 'message'),
  [
    ('size', '1024', 'size: expected at most 512 here, found 1024'),
    ('seed', 'x', 'seed: expected a whole number'),
    ('mark', 'off', 'options: expected names among'),
    ('ref_pose', '/etc/passwd', 'ref_pose: expected a file, found a text'),
    ('bfm_folder', '/etc', 'options: expected names among'),
    ('idle', '3', 'idle: expected no recording beside it'),
    ('idle', '121', 'idle: expected at most 120'),
    ('fps', 'nan', 'fps: expected 1 to 120'),
  ],
)
def test_options_are_refused_in_one_line(client, speech, field, value, message):
  answer = client.post(
    '/v1/videos', files=conftest.sent(speech), data={field: value}
  )
  assert answer.status_code == 422
  assert answer.json()['error']['message'].startswith(message)


def test_sound_is_measured_not_believed(speech, tmp_path):
  short = limits.Limits(seconds=1)
  short.check_sound(speech)
  long = conftest.write_speech(tmp_path / 'long.wav', 1.2)
  with pytest.raises(ValueError, match='at most 1 s'):
    short.check_sound(long)
