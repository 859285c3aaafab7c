"""Every word of the page; the browser's language chooses the column.

A language is a dictionary with the keys of `ENGLISH`; a test compares them.
Options are called in English as the table of options calls them.
"""

from typing import Any

import gradio

from sadtalker_jax.app import german_options
from sadtalker_jax.serving import forms, given_files

_VIDEO = 'Video instead of the picture: its person says the recording.'
_SPEAKERS = (
  'Recordings of several people: the first for face 0, the second for face 1 '
  'and so on. The others listen.'
)
_PAGE = {'video': _VIDEO, given_files.SPEAKERS: _SPEAKERS}


def options() -> dict[str, str]:
  """Descriptions of all that can be chosen, in English, by name."""
  specs = {**forms.offered(), **given_files.of_options()}
  helps = {name: spec.help for name, spec in specs.items()}
  # The table has the flag, which is the contrary.
  return helps | {'blink': 'Random blinks and glances.'} | _PAGE


def _of_options(texts: dict[str, tuple[str, str]]) -> dict[str, str]:
  labels = {f'option_{name}': label for name, (label, _) in texts.items()}
  return labels | {f'help_{name}': help for name, (_, help) in texts.items()}


ENGLISH = {
  'title': 'A portrait and a recording become a talking video',
  'animate': 'Animate',
  'batch': 'Batch',
  'detect': 'Detect',
  'portrait': 'Portrait (click a face to choose it)',
  'speech': 'Speech',
  'result': 'Result',
  'first_frame': 'First frame',
  'preview': 'Show first frame',
  'cancel': 'Cancel',
  'options': 'Options',
  'more_options': 'More options',
  'more_files': 'Video as the source, motion of others, several speakers',
  'number_faces': 'Number the faces',
  'consent': 'The person shown agrees to this video, or I am that person',
  'state': 'State',
  'example': 'Take the example',
  'archive': 'Zip with jobs.jsonl, pictures and recordings',
  'videos': 'Zip with videos and summary.json',
  'make': 'Make all videos',
  'file': 'Picture or video',
  'look': 'Look for the mark',
  'finding': 'Finding',
  'live': 'Live',
  'portrait_file': 'Portrait',
  'voice': 'Voice',
  'microphone': 'Microphone',
  'sound_file': 'Sound file',
  'token': 'Token',
  'start': 'Start',
  'look_ahead': 'Seconds behind the voice; more is more exact',
  'hush': 'Be silent',
  'stop': 'Stop',
  'need_consent': 'Tick that the person shown agrees.',
  'need_file': 'Choose a portrait and a voice.',
  'preparing': 'Preparing the portrait ...',
  'speaking': 'Live',
  'done': 'Done',
  'lost': 'The connection was refused or lost.',
} | _of_options(
  {
    name: (name.replace('_', ' ').capitalize(), help)
    for name, help in options().items()
  }
)

GERMAN = {
  'title': 'Aus Porträt und Aufnahme wird ein sprechendes Video',
  'animate': 'Animieren',
  'batch': 'Stapel',
  'detect': 'Erkennen',
  'portrait': 'Porträt (Klick auf ein Gesicht wählt es)',
  'speech': 'Sprache',
  'result': 'Ergebnis',
  'first_frame': 'Erstes Bild',
  'preview': 'Erstes Bild zeigen',
  'cancel': 'Abbrechen',
  'options': 'Einstellungen',
  'more_options': 'Weitere Einstellungen',
  'more_files': 'Video als Vorlage, Bewegung anderer, mehrere Stimmen',
  'number_faces': 'Gesichter nummerieren',
  'consent': 'Die gezeigte Person ist einverstanden, oder ich bin es selbst',
  'state': 'Stand',
  'example': 'Beispiel nehmen',
  'archive': 'Zip mit jobs.jsonl, Bildern und Aufnahmen',
  'videos': 'Zip mit Videos und summary.json',
  'make': 'Alle Videos machen',
  'file': 'Bild oder Video',
  'look': 'Zeichen suchen',
  'finding': 'Befund',
  'live': 'Live',
  'portrait_file': 'Porträt',
  'voice': 'Stimme',
  'microphone': 'Mikrofon',
  'sound_file': 'Tondatei',
  'token': 'Token',
  'start': 'Beginnen',
  'look_ahead': 'Sekunden hinter der Stimme; mehr ist genauer',
  'hush': 'Still sein',
  'stop': 'Beenden',
  'need_consent': 'Bitte das Einverständnis der gezeigten Person ankreuzen.',
  'need_file': 'Bitte Porträt und Stimme wählen.',
  'preparing': 'Das Porträt wird vorbereitet ...',
  'speaking': 'Live',
  'done': 'Fertig',
  'lost': 'Die Verbindung wurde verweigert oder ging verloren.',
} | _of_options(german_options.GERMAN)

I18N = gradio.I18n(en=ENGLISH, de=GERMAN)


def shown(key: str) -> Any:
  """A text in the browser's language."""
  assert key in ENGLISH, key
  return I18N(key)


def label(option: str) -> Any:
  """Name of an option."""
  return shown(f'option_{option}')


def help(option: str) -> Any:
  """Description of an option."""
  return shown(f'help_{option}')
