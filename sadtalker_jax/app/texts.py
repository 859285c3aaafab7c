"""Every word of the page; the browser's language chooses the column.

A language is a dictionary with the keys of `ENGLISH`; a test compares them.
"""

from typing import Any

import gradio

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
  'preprocess': 'Part of the picture that is animated',
  'size': 'Side of the animated crop, pixels',
  'still': 'Keep the head still',
  'blink': 'Blink',
  'pose_style': 'Manner of head motion',
  'expression_scale': 'Strength of the expression',
  'seed': 'Random seed',
  'face_index': 'Face, 0 for the largest',
  'emotion': 'Emotion',
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
  'hush': 'Be silent',
  'stop': 'Stop',
  'need_consent': 'Tick that the person shown agrees.',
  'need_file': 'Choose a portrait and a voice.',
  'preparing': 'Preparing the portrait ...',
  'speaking': 'Live',
  'done': 'Done',
  'lost': 'The connection was refused or lost.',
}

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
  'preprocess': 'Teil des Bildes, der bewegt wird',
  'size': 'Seite des bewegten Ausschnitts, Bildpunkte',
  'still': 'Kopf stillhalten',
  'blink': 'Blinzeln',
  'pose_style': 'Art der Kopfbewegung',
  'expression_scale': 'Stärke des Ausdrucks',
  'seed': 'Zufallszahl',
  'face_index': 'Gesicht, 0 ist das größte',
  'emotion': 'Gefühl',
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
  'hush': 'Still sein',
  'stop': 'Beenden',
  'need_consent': 'Bitte das Einverständnis der gezeigten Person ankreuzen.',
  'need_file': 'Bitte Porträt und Stimme wählen.',
  'preparing': 'Das Porträt wird vorbereitet ...',
  'speaking': 'Live',
  'done': 'Fertig',
  'lost': 'Die Verbindung wurde verweigert oder ging verloren.',
}

I18N = gradio.I18n(en=ENGLISH, de=GERMAN)


def shown(key: str) -> Any:
  """A text in the browser's language."""
  assert key in ENGLISH, key
  return I18N(key)
