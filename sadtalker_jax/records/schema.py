"""One prepared clip and one prepared frame as records: schema and bytes.

A record is a serialised `tf.train.Example`, in the form that the features of
TensorFlow Datasets decode, written and read here without either package.
Arrays are raw little-endian bytes (TFDS: `Tensor(encoding='bytes')`), numbers
and text the lists of an Example. `folders` says how records lie in files.

Letters: T frames of a clip, A = 640 T samples of its sound at 16 kHz,
M = 1 + 640 T // 200 mel frames (`ops.mel`), L frames of the teacher: T or 0.

A clip (`CLIP`) is everything but pictures: 0.8 MB at 200 frames. Its frames
(`FRAME`) are records of their own, so that two frames cost two small reads. The
frames of a clip are neighbours: frame i is record `frame_offset` + i of the
shard of frames with the number of the clip's shard.

    schema        version of this table
    id            speaker#video#utterance#count
    speaker       name of the speaker: splits and style classes go by it
    video         path of the source, relative to what was prepared
    fps           25
    size          side of the frames, pixels: 256 or 512
    num_frames    T
    frame_offset  place of frame 0 in its shard of frames
    audio         sound, rotated by the measured offset if there was one
    mel           log-mel spectrogram of the sound
    landmarks     68 points, pixels of the frame, y down, centres at halves
    coefficients  257 numbers a frame, order of `face3d.coeffs`
    crop          s, tx, ty a frame: `face3d.alignment.TransParams`, y up
    blink         0 open to 1 closed
    teacher       lip-only expression of the teacher (method 3.5), or empty
    box           left, top, right, bottom of the clip in the source, pixels
    source_fps    frames a second of the source
    offset        measured audio-visual offset, frames; 0 if unknown
    confidence    confidence of that offset; 0 if unknown
    morphable     face model of the coefficients: bfm, makehuman, ...
    method        where the coefficients come from: recon (network) or fit
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np

from sadtalker_jax import conventions, errors
from sadtalker_jax.records import tf_example

SCHEMA = 1
METHODS = ('recon', 'fit')
SIZES = (256, 512)


@dataclasses.dataclass(frozen=True)
class Field:
  """One entry of a record."""

  kind: str  # text, jpeg, or a numpy dtype
  shape: tuple[int | str, ...] = ()  # letters: lengths that a clip decides

  @property
  def is_array(self) -> bool:
    """Whether the value is an array, stored as its bytes."""
    return bool(self.shape)


Schema = Mapping[str, Field]

CLIP: Schema = {
  'schema': Field('int64'),
  'id': Field('text'),
  'speaker': Field('text'),
  'video': Field('text'),
  'fps': Field('float32'),
  'size': Field('int64'),
  'num_frames': Field('int64'),
  'frame_offset': Field('int64'),
  'audio': Field('int16', ('A',)),
  'mel': Field('float32', ('M', 80)),
  'landmarks': Field('float32', ('T', 68, 2)),
  'coefficients': Field('float32', ('T', 257)),
  'crop': Field('float32', ('T', 3)),
  'blink': Field('float32', ('T',)),
  'teacher': Field('float32', ('L', 64)),
  'box': Field('float32', (4,)),
  'source_fps': Field('float32'),
  'offset': Field('float32'),
  'confidence': Field('float32'),
  'morphable': Field('text'),
  'method': Field('text'),
}
FRAME: Schema = {
  'clip': Field('text'),
  'index': Field('int64'),
  'image': Field('jpeg'),
}


def mel_length(num_frames: int) -> int:
  """M: mel frames of a clip of `num_frames` frames."""
  return 1 + conventions.SAMPLES_PER_FRAME * num_frames // 200


def encode_clip(clip: Mapping[str, Any]) -> bytes:
  """A clip as the bytes of its record; `schema` is added.

  Args:
    clip: Values by name, all of `CLIP` but `schema`; arrays of exactly the
      dtype and shape.

  Raises:
    InputError: A key is missing or unknown, or a value is not what `CLIP` says.
  """
  clip = {**clip, 'schema': SCHEMA}
  check_clip(clip)
  return _encode(clip, CLIP)


def decode_clip(record: bytes) -> dict[str, Any]:
  """A clip from the bytes of its record, checked; arrays are read-only.

  Raises:
    InputError: The bytes are no Example, or no clip of this schema.
  """
  clip = _decode(record, CLIP)
  check_clip(clip)
  return clip


def encode_frame(clip: str, index: int, image: bytes) -> bytes:
  """A frame (JPEG, quality 95) as the bytes of its record."""
  frame = {'clip': clip, 'index': index, 'image': image}
  _check(frame, FRAME, {})
  return _encode(frame, FRAME)


def decode_frame(record: bytes) -> dict[str, Any]:
  """`clip`, `index` and `image` (JPEG bytes) from the bytes of a record.

  Raises:
    InputError: The bytes are no Example, or no frame.
  """
  frame = _decode(record, FRAME)
  _check(frame, FRAME, {})
  return frame


def check_clip(clip: Mapping[str, Any]) -> None:
  """Raises `InputError` if a decoded clip is not what `CLIP` says."""
  schema = clip.get('schema')
  if schema != SCHEMA:
    raise errors.InputError(
      f'expected records of schema {SCHEMA}, found {schema}: prepare the '
      'videos again with this version'
    )
  frames = clip.get('num_frames')
  if not isinstance(frames, int | np.integer) or frames < 1:
    raise errors.InputError(f'expected num_frames from 1, found {frames!r}')
  teacher = np.shape(clip.get('teacher', ()))
  lengths = {
    'T': int(frames),
    'A': conventions.SAMPLES_PER_FRAME * int(frames),
    'M': mel_length(int(frames)),
    'L': 0 if teacher[:1] == (0,) else int(frames),
  }
  _check(clip, CLIP, lengths)
  if clip['fps'] != conventions.FRAME_RATE:
    raise errors.InputError(
      f'expected fps {conventions.FRAME_RATE}, found {clip["fps"]}'
    )
  for key, words in (('method', METHODS), ('size', SIZES)):
    if clip[key] not in words:
      raise errors.InputError(f'expected {key} in {words}, found {clip[key]!r}')


def _check(
  values: Mapping[str, Any], schema: Schema, lengths: Mapping[str, int]
) -> None:
  """Raises `InputError` unless keys, types and shapes are the schema's."""
  missing = [k for k in schema if k not in values]
  unknown = [k for k in values if k not in schema]
  if missing or unknown:
    raise errors.InputError(
      f'expected the keys of the schema, missing {missing}, unknown {unknown}'
    )
  for key, field in schema.items():
    value = values[key]
    if field.is_array:
      shape = tuple(
        lengths[n] if isinstance(n, str) else n for n in field.shape
      )
      found = getattr(value, 'dtype', type(value).__name__), np.shape(value)
      if found != (np.dtype(field.kind), shape):
        raise errors.InputError(
          f'expected {key} {field.kind} {list(shape)}, found {found[0]} '
          f'{list(found[1])}'
        )
      continue
    kinds: Any = {
      'text': str,
      'jpeg': bytes,
      'int64': (int, np.integer),
      'float32': (int, float, np.number),
    }[field.kind]
    if not isinstance(value, kinds) or isinstance(value, bool):
      raise errors.InputError(
        f'expected {key} as {field.kind}, found {type(value).__name__}'
      )
    if field.kind == 'jpeg' and not value.startswith(b'\xff\xd8'):
      raise errors.InputError(f'expected {key} as JPEG, found other bytes')


def _encode(values: Mapping[str, Any], schema: Schema) -> bytes:
  """An Example of checked values; equal values give equal bytes."""
  features: dict[str, bytes | int | float] = {}
  for key, field in schema.items():
    value = values[key]
    if field.is_array:
      little = np.dtype(field.kind).newbyteorder('<')
      features[key] = np.asarray(value, little).tobytes()
    elif field.kind == 'text':
      features[key] = value.encode()
    elif field.kind == 'jpeg':
      features[key] = value
    else:
      features[key] = int(value) if field.kind == 'int64' else float(value)
  return tf_example.encode(features)


def _decode(record: bytes, schema: Schema) -> dict[str, Any]:
  """The values of an Example, not yet checked but for their presence."""
  features = tf_example.decode(record)
  missing = [k for k in schema if k not in features]
  if missing:
    raise errors.InputError(f'expected a record with {missing}, found without')
  return {k: _value(features[k], k, field) for k, field in schema.items()}


def _value(feature: bytes | int | float, key: str, field: Field) -> Any:
  """The value of a feature, as an array, a number, text or bytes."""
  kinds = {'int64': int, 'float32': float}
  kind = bytes if field.is_array else kinds.get(field.kind, bytes)
  if not isinstance(feature, kind):
    raise errors.InputError(
      f'expected {key} as {kind.__name__}, found {type(feature).__name__}'
    )
  if not isinstance(feature, bytes) or field.kind == 'jpeg':
    return feature
  if not field.is_array:
    return feature.decode()
  dtype = np.dtype(field.kind).newbyteorder('<')
  row = int(np.prod([n for n in field.shape if isinstance(n, int)], initial=1))
  if len(feature) % (row * dtype.itemsize):
    raise errors.InputError(
      f'expected rows of {row} {dtype} in {key}, found {len(feature)} bytes'
    )
  flat = np.frombuffer(feature, dtype)
  return flat.reshape([n if isinstance(n, int) else -1 for n in field.shape])
