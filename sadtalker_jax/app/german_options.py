"""German names and descriptions of options, for the page.

English ones are the table of options itself (`inference.options`).
"""

GERMAN: dict[str, tuple[str, str]] = {
  'preprocess': (
    'Ausschnitt',
    'Teil des Bildes, der bewegt wird; full setzt ihn wieder ein.',
  ),
  'background': (
    'Hintergrund',
    'Farbe hinter der Person, zum Beispiel white oder #1e90ff.',
  ),
  'background_image': (
    'Hintergrundbild',
    'Bild hinter der Person; es wird passend zugeschnitten.',
  ),
  'size': ('Größe', 'Seite des bewegten Ausschnitts in Bildpunkten.'),
  'still': ('Kopf still', 'Die Kopfhaltung des Bildes beibehalten.'),
  'blink': ('Blinzeln', 'Zufällige Lidschläge und Blicke.'),
  'pose_style': (
    'Kopfbewegung',
    'Art der Kopfbewegung: 1 ist ruhig, 45 lebhaft, 0 gewöhnlich.',
  ),
  'expression_scale': ('Ausdruck', 'Stärke des erzeugten Ausdrucks.'),
  'seed': (
    'Zufallszahl',
    'Für Kopf, Blick und Lidschläge; sonst aus dem Ton.',
  ),
  'face_index': ('Gesicht', 'Gesicht des Bildes, 0 ist das größte.'),
  'emotion': (
    'Gefühl',
    'Gefühl, und wie stark es ist, bis 2: zum Beispiel happy 0.6.',
  ),
  'fps': ('Bildrate', 'Bilder in der Sekunde; sonst 25 oder die des Videos.'),
  'end': (
    'Ende des Videos',
    'Wenn der Ton länger ist als das Video: loop hin und zurück, freeze hält '
    'das letzte Bild, stop hört mit ihm auf.',
  ),
  'keep_background_sound': (
    'Ton des Videos behalten',
    'Unter der Aufnahme, 12 dB leiser; auch seine Stimme ist darin.',
  ),
  'input_yaw': ('Gieren', 'Verlauf der Drehung über den Clip, Grad.'),
  'input_pitch': ('Nicken', 'Verlauf der Neigung über den Clip, Grad.'),
  'input_roll': ('Rollen', 'Verlauf der Schräglage über den Clip, Grad.'),
  'idle': ('Zuhören', 'Sekunden eines Zuhörers, ohne Aufnahme.'),
  'gaze': (
    'Blick',
    'Wohin die Augen sehen: Grad nach links (von der Person aus) und oben.',
  ),
  'blink_rate': ('Lidschläge', 'Lidschläge in der Minute; sonst etwa 25.'),
  'box': (
    'Gesichtsrahmen',
    'Rahmen des Gesichts in Bildpunkten, an Stelle der Suche.',
  ),
  'audio_track': (
    'Tonspur',
    'Tonspur einer Datei mit mehreren, 0 ist die erste.',
  ),
  'motion': (
    'Bewegung',
    'Woher die Bewegung kommt: phonetic (Lippen folgen den Lauten), baseline '
    '(nur Lautstärke und Klang), learned (die Netze des Artikels) oder auto.',
  ),
  'renderer': (
    'Zeichner',
    'Was zeichnet: puppet (das Foto selbst), neural (Netze des Pakets) oder '
    'auto.',
  ),
  'release_chunks': (
    'Abschnitte wie veröffentlicht',
    'Kopfbewegung in Abschnitten, die nicht aneinander anschließen.',
  ),
  'release_crop': (
    'Zuschnitt wie veröffentlicht',
    'Der Zuschnitt des veröffentlichten Programms, samt Fehlern.',
  ),
  'enhancer': (
    'Gesichter verbessern',
    'Netz, das Gesichter verbessert; Bilder werden doppelt so groß.',
  ),
  'background_enhancer': (
    'Bilder vergrößern',
    'Netz, das ganze Bilder vergrößert: zwei- oder vierfach.',
  ),
  'crop': (
    'Format',
    'Format, das um das Gesicht ausgeschnitten wird, etwa 9:16.',
  ),
  'codec': (
    'Codec',
    'Codec der Bilder; hevc und av1 geben kleinere Dateien und dauern länger.',
  ),
  'crf': ('Bildqualität', '0 ist die beste; sonst eine, die man nicht sieht.'),
  'audio_bitrate': (
    'Bitrate des Tons',
    'Tausend Bit in der Sekunde; sonst 96, in Stereo 160.',
  ),
  'label': ('Schild', 'Text auf einem Schild in jedem Bild, nie im Gesicht.'),
  'label_place': (
    'Platz des Schilds',
    'auto nimmt den ersten Platz neben allen Gesichtern.',
  ),
  'video': (
    'Video',
    'Video an Stelle des Bildes: seine Person sagt die Aufnahme.',
  ),
  'drive': (
    'Vorbild',
    'Video, dessen Gesicht nachgemacht wird, an Stelle einer Aufnahme.',
  ),
  'keyframes': (
    'Drehbuch',
    'JSON-Datei: wann welches Gefühl, welcher Blick, welche Haltung.',
  ),
  'ref_pose': ('Kopf von', 'Video, dessen Kopfbewegung übernommen wird.'),
  'ref_eyeblink': ('Augen von', 'Video, dessen Lidschläge übernommen werden.'),
  'speakers': (
    'Mehrere Stimmen',
    'Aufnahmen mehrerer Personen: die erste für Gesicht 0, die zweite für '
    'Gesicht 1 und so weiter. Die anderen hören zu.',
  ),
}
