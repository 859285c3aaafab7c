import json

import pytest

from sadtalker_jax.conversion import released, released_files
from sadtalker_jax.models import zoo

# The decoder without SPADE was never released with SadTalker.
_UNRELEASED = {'generator_plain'}
# Nobody but this project has it.
_OWN = {'lipnet'}


def _parts():
  return [part for file in released_files.FILES for part in file.parts]


def test_every_network_has_a_table_and_a_file():
  assert set(released.TABLES) == set(zoo.NETWORKS) - _OWN
  in_files = {part.network for part in _parts()}
  assert in_files == set(zoo.NETWORKS) - _UNRELEASED - _OWN


def test_every_config_can_be_on_a_card():
  for network in zoo.NETWORKS.values():
    json.dumps(dict(network.config))


@pytest.mark.parametrize(
  'file', released_files.FILES, ids=[file.name for file in released_files.FILES]
)
def test_file_is_found_by_its_name(file):
  assert released.find(file.name) is file
  stem = file.name
  for ending in ('.tar', '.pth', '.safetensors', '.pkl', '.model'):
    stem = stem.removesuffix(ending)
  assert released.find(f'{stem}.safetensors') is file
  assert released.find(f'{stem.upper()}.pth') is file
  assert released.find(f'my_{stem}.pth') is None


@pytest.mark.parametrize(
  ('name', 'network'),
  [
    ('GFPGANv1.3.pth', 'gfpgan'),
    ('RealESRGAN_x4plus.safetensors', 'realesrgan_x4'),
    ('wav2lip_gan.pth', 'wav2lip'),
    ('ms1mv3_arcface_r50_fp16_backbone.pth', 'arcface'),
    ('alexnet-owt-4df8aa71.pth', 'lpips'),
    ('resnet50-19c8e357.pth', 'resnet50'),
    ('mapping_00109-model.safetensors', 'mapping_full'),
  ],
)
def test_other_names_of_a_file_are_known(name, network):
  assert released.find(name).parts[0].network == network


def test_prefix_is_the_first_that_some_key_has():
  part = released.find('wav2lip.pth').parts[0]
  assert part.prefix(['state_dict.module.a', 'epoch']) == 'state_dict.module.'
  assert part.prefix(['state_dict.a']) == 'state_dict.'
  assert part.prefix(['module.a']) == 'module.'
  assert part.prefix(['a']) == ''
  assert released_files.FILES[0].parts[0].prefix(['a']) is None


def test_pieces_of_a_network():
  assert released.pieces('lpips') == {'trunk', 'heads'}
  assert released.pieces('gfpgan') == {''}
