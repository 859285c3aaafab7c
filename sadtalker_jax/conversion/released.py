"""Which released file holds which networks, and the table of each network."""

from sadtalker_jax.conversion import released_files, rules
from sadtalker_jax.conversion.tables import (
  backbones,
  deep3d,
  detectors,
  experts,
  facevid2vid,
  restoration,
  sadtalker,
  wav2lip,
)

TABLES: dict[str, rules.Table] = {
  **sadtalker.TABLES,
  **facevid2vid.TABLES,
  **deep3d.TABLES,
  **wav2lip.TABLES,
  **experts.TABLES,
  **backbones.TABLES,
  **detectors.TABLES,
  **restoration.TABLES,
}

# Networks that are trained for pictures of one size and for each other.
SIZED = frozenset(
  {
    'keypoint_detector',
    'generator',
    'generator_plain',
    'head_pose_estimator',
    'discriminator',
  }
)


def find(name: str) -> released_files.ReleasedFile | None:
  """The released file that a file of this name is."""
  for file in released_files.FILES:
    if file.matches(name):
      return file
  return None


def pieces(network: str) -> frozenset[str]:
  """Names of the pieces of a network; one empty name if it is in one file."""
  return frozenset(
    part.piece
    for file in released_files.FILES
    for part in file.parts
    if part.network == network
  )


def whole(network: str) -> released_files.ReleasedPart:
  """A network in a file of another name, under any prefix that is known."""
  prefixes = {
    prefix: None
    for file in released_files.FILES
    for part in file.parts
    if part.network == network
    for prefix in part.prefixes
  }
  named = [prefix for prefix in prefixes if prefix]
  return released_files.ReleasedPart(network, (*named, ''))


def export_prefix(network: str) -> str:
  """Start of the network's keys in the released safetensors file."""
  for part in released_files.FILES[0].parts:
    if part.network == network:
      return part.prefixes[0]
  return ''
