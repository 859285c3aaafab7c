"""A portrait in a pipecat pipeline: speech in, pictures and the speech out.

    animator = sadtalker_jax.Animator.from_pretrained('default')
    session = animator.stream('portrait.jpg', sample_rate=24000)
    pipeline = Pipeline([transport.input(), stt, llm, tts,
                         PortraitService(session), transport.output()])

Between utterances the portrait is idle and sends pictures alone. The transport
wants `video_out_enabled`, `video_out_is_live`, and the width and height of
`session.size`. Needs pipecat-ai 1.x.
"""

import asyncio

import numpy as np
from pipecat.frames import frames
from pipecat.processors import frame_processor
from pipecat.services import ai_service, settings

from sadtalker_jax.inference.live import session as session_lib


class PortraitService(ai_service.AIService):
  """Replaces speech by pictures and the speech that belongs to each."""

  def __init__(self, session: session_lib.LiveSession, **kwargs):
    """A service over a session that is not used otherwise."""
    super().__init__(settings=settings.ServiceSettings(model=None), **kwargs)
    self._session = session
    self._showing: asyncio.Task | None = None

  async def start(self, frame: frames.StartFrame) -> None:
    """Compiles what draws, and begins to show the portrait."""
    await super().start(frame)
    await self._session.warm_up()
    self._showing = self.create_task(self._show())

  async def stop(self, frame: frames.EndFrame) -> None:
    """Lets what is queued be said."""
    await super().stop(frame)
    self._session.end()
    if self._showing:
      await self._showing

  async def cancel(self, frame: frames.CancelFrame) -> None:
    """Ends at once."""
    await super().cancel(frame)
    self._session.close()

  async def cleanup(self) -> None:
    """Ends at once."""
    await super().cleanup()
    self._session.close()
    if self._showing:
      await self.cancel_task(self._showing)
      self._showing = None

  async def process_frame(
    self, frame: frames.Frame, direction: frame_processor.FrameDirection
  ) -> None:
    """Takes speech; all other frames go on."""
    await super().process_frame(frame, direction)
    if isinstance(frame, frames.TTSAudioRawFrame):
      if frame.sample_rate != self._session.sample_rate:
        await self.push_error(
          error_msg=f'expected speech of {self._session.sample_rate} Hz, '
          f'found {frame.sample_rate}'
        )
        return
      samples = np.frombuffer(frame.audio, '<i2')
      await self._session.push(samples.reshape(-1, frame.num_channels)[:, 0])
      return
    if isinstance(frame, frames.TTSStoppedFrame):
      self._session.end_segment()
    elif isinstance(frame, frames.InterruptionFrame):
      self._session.interrupt()
    await self.push_frame(frame, direction)

  async def _show(self) -> None:
    """Sends parts as they are due."""
    async for part in self._session:
      picture = frames.OutputImageRawFrame(
        part.frame.tobytes(), self._session.size, 'RGB'
      )
      picture.sync_with_audio = not part.idle
      picture.pts = int(part.pts * 1_000_000_000)
      await self.push_frame(picture)
      if not part.idle:
        sound = np.rint(part.audio * 32767).astype('<i2').tobytes()
        await self.push_frame(
          frames.TTSAudioRawFrame(sound, self._session.sample_rate, 1)
        )
