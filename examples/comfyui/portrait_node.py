"""The node: IMAGE and AUDIO in, VIDEO out; one input for every option.

Its inputs are made of the package's table of options, so that it has whatever
the installed version has. Options that name files are left out: here pictures
and sound come from other nodes.
"""

import functools
import os
import uuid

from comfy_api.latest import ComfyExtension, InputImpl, io
import folder_paths
import numpy as np

import sadtalker_jax
from sadtalker_jax.inference import option_specs
from sadtalker_jax.inference import options as options_lib
from sadtalker_jax.serving import forms

_WITHHELD = {'batch_size', 'face3dvis', 'end', 'keep_background_sound'}
_MOST = 2**31  # of whole numbers in the page of ComfyUI


def _specs() -> dict[str, option_specs.Spec]:
  return {
    name: spec
    for name, spec in options_lib.by_name().items()
    if spec.kind not in option_specs.OF_FILES and name not in _WITHHELD
  }


@functools.cache
def _animator(bundle: str) -> sadtalker_jax.Animator:
  return sadtalker_jax.Animator.from_pretrained(bundle)


class TalkingPortrait(io.ComfyNode):
  """A portrait says a sound."""

  @classmethod
  def define_schema(cls) -> io.Schema:
    """What the node takes and gives."""
    return io.Schema(
      node_id='SadTalkerJaxTalkingPortrait',
      display_name='Talking portrait',
      category='image/video',
      description=(
        'A portrait says a sound. Every frame carries an invisible mark. Ask '
        'the person shown.'
      ),
      inputs=[
        io.Image.Input('image', tooltip='Portrait; the first of a batch.'),
        io.Audio.Input('audio', optional=True, tooltip='None with idle.'),
        io.String.Input(
          'bundle', default='default', tooltip='Networks and weights.'
        ),
        *(_input(spec) for spec in _specs().values()),
      ],
      outputs=[io.Video.Output()],
    )

  @classmethod
  def execute(cls, image, audio=None, bundle='default', **choices):
    """Makes the video, a file in ComfyUI's temporary folder."""
    chosen = {
      name: forms.value(_specs()[name], value)
      for name, value in choices.items()
    }
    picture = np.rint(np.clip(_numpy(image[0]), 0, 1) * 255).astype(np.uint8)
    sound = None
    if audio is not None:
      sound = _numpy(audio['waveform'][0]), int(audio['sample_rate'])
    clip = _animator(bundle).animate(picture[..., :3], sound, **chosen)
    folder = folder_paths.get_temp_directory()
    os.makedirs(folder, exist_ok=True)
    path = clip.save(os.path.join(folder, f'{uuid.uuid4().hex}.mp4'))
    return io.NodeOutput(InputImpl.VideoFromFile(str(path)))


class PortraitExtension(ComfyExtension):
  """All nodes of this folder."""

  async def get_node_list(self) -> list[type[io.ComfyNode]]:
    """The nodes."""
    return [TalkingPortrait]


async def comfy_entrypoint() -> PortraitExtension:
  """What ComfyUI calls."""
  return PortraitExtension()


def _numpy(tensor) -> np.ndarray:
  return tensor.detach().cpu().numpy()


def _input(spec: option_specs.Spec):
  """The input of an option; texts where None means something."""
  tooltip = spec.help
  if spec.kind == 'flag':
    return io.Boolean.Input(spec.name, default=spec.default, tooltip=tooltip)
  if spec.kind == 'name' and spec.choices:
    first = [''] if spec.optional else []
    return io.Combo.Input(
      spec.name,
      options=[*first, *spec.choices],
      default='' if spec.default is None else spec.default,
      tooltip=tooltip,
    )
  if spec.kind in ('integer', 'number') and not spec.optional:
    kind = io.Int if spec.kind == 'integer' else io.Float
    limits = {'min': max(spec.least, -_MOST), 'max': min(spec.most, _MOST)}
    return kind.Input(
      spec.name, default=spec.default, tooltip=tooltip, **limits
    )
  default = '' if spec.default is None else str(spec.default)
  return io.String.Input(spec.name, default=default, tooltip=tooltip)
