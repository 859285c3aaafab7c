"""The items in order of value, and the sizes they run at.

An item is a function of a module of this package, named as `module.function`,
that takes a `record.Record` and a `Scale`. `Item.seconds` is its deadline.
"""

import dataclasses
from typing import Any

# Networks of `models.facevid2vid` that are narrow enough for any machine.
_NARROW: dict[str, dict[str, Any]] = {
  'keypoint_detector': {
    'block_expansion': 4,
    'max_features': 8,
    'num_blocks': 1,
    'depth': 2,
  },
  'mapping': {'features': 8},
  'generator': {
    'features': 4,
    'volume_features': 4,
    'depth': 3,
    'num_blocks': 1,
    'motion_features': 4,
    'motion_max_features': 8,
    'motion_blocks': 1,
  },
}


@dataclasses.dataclass(frozen=True)
class Item:
  """One thing to find out.

  Attributes:
    name: Name in the report, and of `--only`.
    run: `module.function` that finds it out.
    title: What it is, for the report.
    seconds: Deadline.
  """

  name: str
  run: str
  title: str
  seconds: float


@dataclasses.dataclass(frozen=True)
class Scale:
  """The sizes that items run at.

  Attributes:
    name: 'full' or 'small'.
    networks: Fields of the renderer's networks, by name.
    size: Side of a frame, pixels.
    large: Side of a large frame.
    batch: Frames drawn together.
    middle: Fewer frames drawn together.
    repeats: Timed calls.
    matrix: Side of a matrix of the peak.
    numbers: Float32 numbers that are copied.
    mesh: Rows and columns of the face that is rasterized.
    picture: Side of a rasterized picture.
    volume: Depth, height and width of a volume that is sampled.
    stages: Stages of which one step is taken, by config and variant.
    trained: Config variants whose steps are timed, by stage.
    train_batch: Batch of a timed step; 0 for that of the config.
    frames: Frames of a stream.
    jobs: Animations of a manifest.
  """

  name: str
  networks: dict[str, dict[str, Any]]
  size: int
  large: int
  batch: int
  middle: int
  repeats: int
  matrix: int
  numbers: int
  mesh: tuple[int, int]
  picture: int
  volume: tuple[int, int, int]
  stages: dict[str, str]
  trained: dict[str, str]
  train_batch: int
  frames: int
  jobs: int


FULL = Scale(
  name='full',
  networks={'keypoint_detector': {}, 'generator': {}, 'mapping': {}},
  size=256,
  large=512,
  batch=32,
  middle=8,
  repeats=10,
  matrix=8192,
  numbers=2**28,
  mesh=(190, 188),
  picture=224,
  volume=(16, 64, 64),
  stages={
    'syncnet': 'syncnet:test',
    'wav2lip': 'syncnet:wav2lip+gan+test',
    'expnet': 'expnet:test',
    'posevae': 'posevae:test',
    'recon': 'recon:test',
    'renderer': 'renderer:test',
    'mapping': 'mapping:test',
  },
  trained={'renderer': 'renderer:bfloat16', 'mapping': 'mapping:bfloat16'},
  train_batch=8,
  frames=320,
  jobs=8,
)
SMALL = Scale(
  name='small',
  networks=_NARROW,
  size=32,
  large=32,
  batch=1,
  middle=1,
  repeats=2,
  matrix=128,
  numbers=2**16,
  mesh=(12, 15),
  picture=24,
  volume=(4, 8, 8),
  stages={'syncnet': 'syncnet:test'},
  trained={'renderer': 'syncnet:test', 'mapping': 'syncnet:test'},
  train_batch=0,
  frames=4,
  jobs=1,
)

ITEMS = (
  Item('card', 'card.measure', 'versions, matrix products, copies', 90),
  Item('render', 'drawing.bfloat16', 'frames, bfloat16, full batch', 180),
  Item('motion', 'layers.forms', '3-D convolutions in three forms', 120),
  Item('render_f32', 'drawing.float32', 'frames, float32 and highest', 180),
  Item('layers', 'layers.errors', 'rounding of single layers', 90),
  Item('geometry', 'geometry.measure', 'rasterizer, sampling, shifts', 120),
  Item('stages', 'steps.once', 'one step of every stage', 240),
  Item('peer', 'peer.measure', 'the published PyTorch modules', 150),
  Item('train', 'steps.renderer', "the renderer's training step", 240),
  Item('latency', 'drawing.latency', 'frames, bfloat16, one at a time', 120),
  Item('middle', 'drawing.middle', 'frames, bfloat16, smaller batch', 120),
  Item('large', 'drawing.large', 'frames, bfloat16, larger pictures', 180),
  Item('mapping', 'steps.mapping', "the mapping network's training step", 240),
  Item('stream', 'clips.stream', 'frames of a clip, copied to the host', 120),
  Item('jobs', 'clips.jobs', 'videos of a manifest, end to end', 150),
)


def scale(name: str) -> Scale:
  """The sizes of a name, 'full' or 'small'."""
  return {'full': FULL, 'small': SMALL}[name]
