"""The page in a browser: upload, video, phone, no request to anybody else.

Needs the extra `app`, the package playwright, and Chromium (`CHROMIUM` or
/usr/bin/chromium).
"""

from collections.abc import Iterator
import os
import pathlib
import subprocess
import sys

import pytest

from sadtalker_jax.inference import bundle
from tests.serving import conftest

pytest.importorskip('gradio')
playwright = pytest.importorskip('playwright.sync_api')

ROOT = pathlib.Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get('CHROMIUM', '/usr/bin/chromium')
_WAIT_MS = 300_000  # first programs are compiled

pytestmark = pytest.mark.skipif(
  not os.path.exists(CHROMIUM), reason='needs Chromium'
)


@pytest.fixture(scope='module')
def address(tmp_path_factory) -> Iterator[str]:
  folder = tmp_path_factory.mktemp('page') / 'server'
  command = [sys.executable, '-m', 'sadtalker_jax.cli.serve', '--port', '0']
  with subprocess.Popen(
    [*command, '--folder', str(folder)],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    text=True,
  ) as process:
    try:
      assert process.stdout is not None
      yield process.stdout.readline().split()[1]
    finally:
      process.terminate()


@pytest.fixture
def page(address, tmp_path) -> Iterator[object]:
  """The page, and a list of what should not happen."""
  with playwright.sync_playwright() as driver:
    speech = conftest.write_speech(tmp_path / 'microphone.wav', 1.0)
    browser = driver.chromium.launch(
      executable_path=CHROMIUM,
      args=[
        '--no-sandbox',
        '--autoplay-policy=no-user-gesture-required',
        '--use-fake-ui-for-media-stream',
        '--use-fake-device-for-media-stream',
        f'--use-file-for-fake-audio-capture={speech}',
      ],
    )
    opened = browser.new_page(
      locale='en-GB', viewport={'width': 390, 'height': 844}
    )
    opened.faults = []
    opened.on('console', lambda m: _note(opened, m.type == 'error', m.text))
    opened.on('request', lambda r: _note(opened, _is_outside(r.url), r.url))
    opened.goto(address)
    yield opened
    assert opened.faults == []
    browser.close()


def _note(page, is_fault: bool, text: str) -> None:
  if is_fault:
    page.faults.append(text)


def _is_outside(url: str) -> bool:
  inside = ('http://127.0.0.1', 'ws://127.0.0.1', 'data:', 'blob:')
  return not url.startswith(inside)


@pytest.mark.slow
def test_upload_becomes_a_video_that_plays_on_a_phone(page, tmp_path):
  speech = conftest.write_speech(tmp_path / 'speech.wav', 0.12)
  start = page.get_by_role('button', name='Animate', exact=True)
  start.wait_for(timeout=_WAIT_MS)
  page.locator('#portrait input[type=file]').set_input_files(
    bundle.SAMPLE_PORTRAIT
  )
  page.locator('#speech input[type=file]').set_input_files(speech)
  page.locator('#portrait img').wait_for()
  page.locator('#speech').get_by_text('0:00').first.wait_for()
  start.click()
  page.get_by_text('consent: expected a tick').wait_for()
  page.locator('#consent input').check()
  start.click()
  page.locator('#result video').wait_for(timeout=_WAIT_MS)
  page.wait_for_function(
    "document.querySelector('#result video').readyState >= 2"
  )
  page.wait_for_function(
    "document.querySelector('#state textarea').value.startsWith('completed')"
  )
  video = page.locator('#result video')
  assert video.evaluate('v => v.videoWidth') == 256
  assert page.evaluate('document.documentElement.scrollWidth') <= 390


@pytest.mark.slow
def test_a_microphone_speaks_through_a_portrait(page):
  page.get_by_role('tab', name='Live').click()
  live = page.locator('#live')
  live.get_by_role('button', name='Start').click()
  live.get_by_text('Tick that the person shown agrees').wait_for()
  live.locator('input[data-part=image]').set_input_files(bundle.SAMPLE_PORTRAIT)
  live.locator('input[data-part=consent]').check()
  live.get_by_role('button', name='Start').click()
  page.wait_for_function(
    "document.querySelector('#live video').currentTime > 1", timeout=_WAIT_MS
  )
  video = live.locator('video')
  assert video.evaluate('v => v.videoWidth') == 256
  assert page.evaluate('document.documentElement.scrollWidth') <= 390
  live.get_by_role('button', name='Stop').click()
  page.wait_for_function(
    "document.querySelector('#live output').value == 'Done'", timeout=_WAIT_MS
  )
