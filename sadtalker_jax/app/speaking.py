"""The tab Live: a component that talks to the socket of streams itself.

Sound and pictures do not go through Gradio, whose events are too slow for them.
"""

import json
import pathlib

import gradio

from sadtalker_jax.app import texts
from sadtalker_jax.inference import emotions

_DATA = pathlib.Path(__file__).parent / 'data'


def component(has_tokens: bool) -> gradio.HTML:
  """The content of the tab.

  Args:
    has_tokens: Whether streams want a token.
  """
  languages = json.dumps({'en': texts.ENGLISH, 'de': texts.GERMAN})
  script = (
    f'const TEXTS = {languages};\n'
    f'const EMOTIONS = {json.dumps(list(emotions.NAMES))};\n'
    f'const HAS_TOKENS = {json.dumps(has_tokens)};\n'
  )
  return gradio.HTML(
    html_template=(_DATA / 'live.html').read_text(),
    css_template=(_DATA / 'live.css').read_text(),
    js_on_load=script + (_DATA / 'live.js').read_text(),
    elem_id='live',
  )
