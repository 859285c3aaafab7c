"""A portrait as the avatar of a LiveKit agent: `VideoGenerator` over a stream.

In the worker that plays the avatar (`AvatarRunner` of livekit-agents):

    animator = sadtalker_jax.Animator.from_pretrained('default')
    session = animator.stream('portrait.jpg', sample_rate=24000)
    generator = PortraitGenerator(session)
    await generator.start()
    runner = avatar.AvatarRunner(
      room, audio_recv=receiver, video_gen=generator,
      options=generator.options)

Between utterances the portrait is idle and sends pictures alone. Needs
livekit-agents 1.x.
"""

from collections.abc import AsyncIterator

from livekit import rtc
from livekit.agents.voice import avatar
import numpy as np

from sadtalker_jax.inference.live import session as session_lib


class PortraitGenerator(avatar.VideoGenerator):
  """Speech of an agent in, pictures and their speech out."""

  def __init__(self, session: session_lib.LiveSession):
    """A generator over a session that is not used otherwise."""
    self._session = session
    self._speaking: int | None = None  # number of the utterance that is shown
    self._dropped: set[int] = set()  # utterances whose end nobody waits for

  @property
  def options(self) -> avatar.AvatarOptions:
    """What the runner wants to know."""
    width, height = self._session.size
    return avatar.AvatarOptions(
      video_width=width,
      video_height=height,
      video_fps=self._session.fps,
      audio_sample_rate=self._session.sample_rate,
      audio_channels=1,
    )

  async def start(self) -> None:
    """Compiles what draws, so that the first picture is not late."""
    await self._session.warm_up()

  async def push_audio(
    self, frame: rtc.AudioFrame | avatar.AudioSegmentEnd
  ) -> None:
    """Takes speech, or the end of an utterance."""
    if isinstance(frame, avatar.AudioSegmentEnd):
      self._session.end_segment()
    else:
      await self._session.push(_samples(frame, self._session.sample_rate))

  def clear_buffer(self) -> None:
    """Is silent from the next picture on."""
    if self._speaking is not None:
      self._dropped.add(self._speaking)
    self._session.interrupt()

  async def __aiter__(
    self,
  ) -> AsyncIterator[rtc.VideoFrame | rtc.AudioFrame | avatar.AudioSegmentEnd]:
    """Pictures, their speech, and the ends of utterances that were said."""
    async for part in self._session:
      ended = self._speaking is not None and part.segment != self._speaking
      if ended and self._speaking not in self._dropped:
        yield avatar.AudioSegmentEnd()
      if ended:
        self._dropped.discard(self._speaking)
      self._speaking = None if part.idle else part.segment
      yield _picture(part.frame)
      if not part.idle:
        yield _sound(part.audio, self._session.sample_rate)

  def close(self) -> None:
    """Ends the session."""
    self._session.close()


def _samples(frame: rtc.AudioFrame, rate: int) -> np.ndarray:
  """Samples [n] int16 of one channel."""
  if frame.sample_rate != rate:
    raise ValueError(
      f'expected sound of {rate} Hz, found {frame.sample_rate}: open the '
      'stream with the rate of the speech'
    )
  samples = np.frombuffer(frame.data, np.int16)
  return samples.reshape(-1, frame.num_channels)[:, 0]


def _picture(frame: np.ndarray) -> rtc.VideoFrame:
  height, width = frame.shape[:2]
  alpha = np.full((height, width, 1), 255, np.uint8)
  data = np.concatenate([frame, alpha], axis=2).tobytes()
  return rtc.VideoFrame(width, height, rtc.VideoBufferType.RGBA, data)


def _sound(audio: np.ndarray, rate: int) -> rtc.AudioFrame:
  data = np.rint(audio * 32767).astype('<i2').tobytes()
  return rtc.AudioFrame(data, rate, 1, len(audio))
