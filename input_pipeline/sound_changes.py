"""Random changes of speech, none of which moves it in time but `slower`.

Sound is mono float32 at 16 kHz, [L]. Shares and ranges are of
docs/results/lips.md; each change happens to some of the examples alone.
"""

import numpy as np
import scipy.signal

from sadtalker_jax import conventions

_RATE = conventions.SAMPLE_RATE
_TAPS = 256  # of the equaliser
_MEL_DECIBELS = 12.5  # in a unit of a log-mel spectrogram
_BEL = 10 / np.log(10)  # decibel of a factor e of power
_SILENCE = 60.0  # decibel by which a room's echo falls in its time


def slower(wave: np.ndarray, factor: float) -> np.ndarray:
  """Speech that is longer by a factor, and as much lower; [L] to [~f L]."""
  hundredths = round(100 * factor)
  return scipy.signal.resample_poly(wave, hundredths, 100).astype(np.float32)


def changed(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Speech through an equaliser, a room, noise and band limits, or some."""
  wave = np.asarray(wave, np.float32)
  if rng.random() < 0.7:
    wave = _equalised(wave, rng.normal(0, 4, 9))
  if rng.random() < 0.4:
    wave = _in_room(wave, rng)
  if rng.random() < 0.6:
    wave = _noisy(wave, rng)
  if rng.random() < 0.2:
    wave = _filtered(wave, 4, rng.uniform(3200, 7000), 'low')
  if rng.random() < 0.15:
    wave = _filtered(wave, 2, rng.uniform(80, 300), 'high')
  return wave.astype(np.float32)


def changed_spectra(
  spectra: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
  """Spectra [T, 64] of another level, colour and floor, bands left out.

  Args:
    spectra: Of `ops.lip_spectra`, decibel / 10.
    rng: Source of all randomness.
  """
  bands = spectra.shape[1]
  found = spectra + rng.normal(0, 0.15)
  if rng.random() < 0.5:
    places = np.linspace(0, bands - 1, 5)
    found = found + np.interp(
      np.arange(bands), places, rng.normal(0, 0.25, len(places))
    )
  if rng.random() < 0.5:
    floor = rng.uniform(-6.5, -2.5) + rng.normal(0, 0.1, found.shape)
    found = np.log10(10**found + 10**floor)
  if rng.random() < 0.3:
    first = rng.integers(0, bands - 8)
    found[:, first : first + rng.integers(2, 9)] = found.mean()
  return found.astype(np.float32)


def changed_mel(mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Log-mel windows [N, 80, 16] of another level, colour and floor.

  Args:
    mel: Of `ops.mel`, -4 to 4 for 100 decibel.
    rng: Source of all randomness; level, colour and height of the floor are
      those of all windows.
  """
  bands = mel.shape[-2]
  decibels = mel * _MEL_DECIBELS + rng.normal(0, 5)
  if rng.random() < 0.5:
    places = np.linspace(0, bands - 1, 5)
    colour = np.interp(np.arange(bands), places, rng.normal(0, 5, len(places)))
    decibels = decibels + colour[:, None]
  if rng.random() < 0.5:
    floor = rng.uniform(-40, 0) + rng.normal(0, 3, decibels.shape)
    decibels = np.logaddexp(decibels / _BEL, floor / _BEL) * _BEL
  return (decibels / _MEL_DECIBELS).clip(-4, 4).astype(np.float32)


def _equalised(wave: np.ndarray, decibels: np.ndarray) -> np.ndarray:
  """Sound whose bands, equally wide, are louder by so much."""
  places = np.linspace(0, 1, _TAPS // 2 + 1)
  gains = np.interp(places, np.linspace(0, 1, len(decibels)), decibels)
  response = np.roll(np.fft.irfft(10 ** (gains / 20)), _TAPS // 2)
  kernel = response * np.hanning(_TAPS)
  whole = scipy.signal.fftconvolve(wave, kernel)
  return whole[_TAPS // 2 :][: len(wave)]


def _in_room(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Sound with the echo of a room of 0.1 to 0.5 s."""
  length = int(rng.uniform(0.1, 0.5) * _RATE)
  fall = 10 ** (-_SILENCE / 20 * np.arange(length) / length)
  echo = rng.normal(size=length) * fall
  echo *= rng.uniform(0.02, 0.25) / np.sqrt((echo**2).sum())
  echo[0] += 1
  return scipy.signal.fftconvolve(wave, echo)[: len(wave)]


def _noisy(wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """Sound with noise between white and brown, 5 to 40 dB below it."""
  noise = rng.normal(size=len(wave))
  noise = scipy.signal.lfilter([1], [1, -rng.uniform(0, 0.97)], noise)
  level = np.sqrt((wave**2).mean()) + 1e-6
  gain = level * 10 ** (-rng.uniform(5, 40) / 20)
  return wave + gain * noise / max(noise.std(), 1e-9)


def _filtered(
  wave: np.ndarray, order: int, hertz: float, kind: str
) -> np.ndarray:
  sections = scipy.signal.butter(order, hertz, kind, fs=_RATE, output='sos')
  return scipy.signal.sosfilt(sections, wave)
