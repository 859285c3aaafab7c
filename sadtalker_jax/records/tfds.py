"""What TensorFlow Datasets reads beside shards, as values for JSON.

Written by hand, so that records need neither TensorFlow nor its data sets.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sadtalker_jax.records import schema

VERSION = f'{schema.SCHEMA}.0.0'  # version of the data sets
_CORE = 'tensorflow_datasets.core.features'


def features(fields: schema.Schema) -> dict[str, Any]:
  """The content of `features.json`.

  Args:
    fields: Fields of the records.
  """
  return {
    'pythonClassName': f'{_CORE}.features_dict.FeaturesDict',
    'featuresDict': {
      'features': {key: _feature(field) for key, field in fields.items()}
    },
  }


def dataset_info(
  dataset: str,
  shard_lengths: Mapping[str, Sequence[int]],
  num_bytes: Mapping[str, int],
) -> dict[str, Any]:
  """The content of `dataset_info.json`.

  Args:
    dataset: Name of the data set.
    shard_lengths: Number of records in each shard, by split.
    num_bytes: Bytes of all records, by split.
  """
  return {
    'name': dataset,
    'version': VERSION,
    'fileFormat': 'array_record',
    'splits': [
      {
        'name': split,
        'filepathTemplate': '{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}',
        'numBytes': str(num_bytes[split]),
        'shardLengths': [str(n) for n in lengths],
      }
      for split, lengths in shard_lengths.items()
    ],
  }


def _feature(field: schema.Field) -> dict[str, Any]:
  """The description of a field as `features.json` has it."""
  if field.kind == 'text':
    return {'pythonClassName': f'{_CORE}.text_feature.Text', 'text': {}}
  if field.kind == 'jpeg':
    return {
      'pythonClassName': f'{_CORE}.image_feature.Image',
      'image': {
        'dtype': 'uint8',
        'encodingFormat': 'jpeg',
        'shape': {'dimensions': ['-1', '-1', '3']},
      },
    }
  sizes = [str(n) if isinstance(n, int) else '-1' for n in field.shape]
  name = 'tensor_feature.Tensor' if field.is_array else 'scalar.Scalar'
  return {
    'pythonClassName': f'{_CORE}.{name}',
    'tensor': {
      'dtype': field.kind,
      'encoding': 'bytes' if field.is_array else 'none',
      'shape': {'dimensions': sizes} if sizes else {},
    },
  }
