"""Parts of the OpenAPI description that are not made of types."""

from typing import Any

from sadtalker_jax.inference import option_specs
from sadtalker_jax.serving import answers, forms, given_files

# Statuses that most routes may have.
REFUSALS: dict[int | str, dict[str, Any]] = {
  status: {'model': answers.Failure, 'description': text}
  for status, text in {
    401: 'No token, or one that is not known any more.',
    403: 'The request comes from a page of another site.',
    404: 'No such job of this token.',
    409: 'The job is in another status.',
    413: 'The body is too large.',
    422: 'A file or an option is not what it must be; the message says what.',
    429: 'Too many jobs.',
  }.items()
}

_FILE = {'type': 'string', 'format': 'binary'}
_UPLOAD = {
  'type': 'string',
  'example': 'upload_0123456789abcdef0123456789abcdef',
}
_TYPES: dict[option_specs.Kind, dict[str, Any]] = {
  'flag': {'type': 'boolean'},
  'integer': {'type': 'integer'},
  'number': {'type': 'number'},
  'angles': {'type': 'array', 'items': {'type': 'number'}},
  'pair': {'type': 'array', 'items': {'type': 'number'}},
  'box': {'type': 'array', 'items': {'type': 'number'}},
  'graded': {'type': 'string', 'example': 'happy 0.6'},
  'name': {'type': 'string'},
  'word': {'type': 'string'},
}


def new_video() -> dict[str, Any]:
  """What POST /v1/videos takes."""
  fields = {
    'consent': {
      'type': 'boolean',
      'default': False,
      'description': 'The person shown agrees; kept with the job.',
    }
  } | {name: _field(spec) for name, spec in forms.offered().items()}
  example = dict.fromkeys(('image', 'audio'), _UPLOAD['example'])
  return _body(
    {
      'multipart/form-data': _object([], _files(_FILE) | fields),
      'application/json': _object([], _files(_UPLOAD) | fields)
      | {'example': example | {'still': True}},
    }
  )


def one_file() -> dict[str, Any]:
  """What routes of one file take."""
  return _body({'multipart/form-data': _object(['file'], {'file': _FILE})})


def _body(content: dict[str, Any]) -> dict[str, Any]:
  return {'requestBody': {'required': True, 'content': content}}


def _object(needed: list[str], fields: dict[str, Any]) -> dict[str, Any]:
  return {
    'schema': {'type': 'object', 'required': needed, 'properties': fields}
  }


def _files(form: dict[str, Any]) -> dict[str, Any]:
  """The files of a job, each in a form."""
  texts = {
    'image': 'Picture; this or a video is needed.',
    'video': 'Video whose person says the sound, instead of a picture.',
    'audio': 'What is said; left out where an option or a file stands for it.',
    **{name: spec.help for name, spec in given_files.of_options().items()},
    given_files.speaker(0): 'Recording of face 0; speaker_1 that of face 1, '
    'and so on.',
  }
  return {name: form | {'description': text} for name, text in texts.items()}


def _field(spec: option_specs.Spec) -> dict[str, Any]:
  field = _TYPES[spec.kind] | {'description': spec.help}
  if spec.choices and spec.kind == 'name':
    field['enum'] = list(spec.choices)
  if spec.default is not None:
    field['default'] = spec.default
  return field
