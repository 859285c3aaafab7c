"""`tf.train.Example` without TensorFlow: one value per feature, and its bytes.

The wire format of TensorFlow and of TensorFlow Datasets. The messages are
built here from their description, in a descriptor pool of their own: in the
default pool they would clash with the ones that TensorFlow registers.
"""

from collections.abc import Mapping, Sequence
import functools
from typing import Any

from google.protobuf import (
  descriptor_pb2,
  descriptor_pool,
  message,
  message_factory,
)

from sadtalker_jax import errors

_LISTS = {bytes: 'bytes_list', float: 'float_list', int: 'int64_list'}


def encode(features: Mapping[str, bytes | int | float]) -> bytes:
  """A serialised Example; equal features give equal bytes.

  Args:
    features: Values by name. Floats are stored in 32 bits.
  """
  example = _example_class()()
  for key, value in features.items():
    feature = example.features.feature[key]
    getattr(feature, _LISTS[type(value)]).value.append(value)
  return example.SerializeToString(deterministic=True)


def decode(record: bytes) -> dict[str, bytes | int | float]:
  """The features of a serialised Example.

  Raises:
    InputError: The bytes are no Example, or a feature has not exactly one
      value.
  """
  try:
    features = _example_class().FromString(record).features.feature
  except message.DecodeError as error:
    raise errors.InputError(
      f'expected a tf.train.Example, found {len(record)} other bytes'
    ) from error
  found: dict[str, bytes | int | float] = {}
  for key, feature in features.items():
    kind = feature.WhichOneof('kind')
    values: Sequence[Any] = getattr(feature, kind).value if kind else []
    if len(values) != 1:
      raise errors.InputError(
        f'expected one value of feature {key}, found {len(values)}'
      )
    found[key] = values[0]
  return found


@functools.cache
def _example_class() -> Any:
  """The message class of `tf.train.Example`, in a pool of its own.

  In the default pool it would clash with the one that TensorFlow registers.
  """
  proto = descriptor_pb2.FileDescriptorProto(
    name='sadtalker_jax/example.proto', package='tensorflow', syntax='proto3'
  )
  kinds = descriptor_pb2.FieldDescriptorProto

  def add(name: str, *fields: tuple[str, int, int, str]) -> Any:
    found = proto.message_type.add(name=name)
    for number, (key, label, kind, type_name) in enumerate(fields, 1):
      field = found.field.add(name=key, number=number, label=label, type=kind)
      if type_name:
        field.type_name = f'.tensorflow.{type_name}'
    return found

  one, many = kinds.LABEL_OPTIONAL, kinds.LABEL_REPEATED
  nested = kinds.TYPE_MESSAGE
  add('BytesList', ('value', many, kinds.TYPE_BYTES, ''))
  add('FloatList', ('value', many, kinds.TYPE_FLOAT, ''))
  add('Int64List', ('value', many, kinds.TYPE_INT64, ''))
  feature = add(
    'Feature',
    ('bytes_list', one, nested, 'BytesList'),
    ('float_list', one, nested, 'FloatList'),
    ('int64_list', one, nested, 'Int64List'),
  )
  feature.oneof_decl.add(name='kind')
  for field in feature.field:
    field.oneof_index = 0
  features = add('Features', ('feature', many, nested, 'Features.FeatureEntry'))
  entry = features.nested_type.add(name='FeatureEntry')
  entry.options.map_entry = True
  entry.field.add(name='key', number=1, label=one, type=kinds.TYPE_STRING)
  entry.field.add(
    name='value',
    number=2,
    label=one,
    type=nested,
    type_name='.tensorflow.Feature',
  )
  add('Example', ('features', one, nested, 'Features'))
  pool = descriptor_pool.DescriptorPool()
  pool.AddSerializedFile(proto.SerializeToString())
  return message_factory.GetMessageClass(
    pool.FindMessageTypeByName('tensorflow.Example')
  )
