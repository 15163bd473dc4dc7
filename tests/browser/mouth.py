"""A person in the browser: speaks WAVs into the page's microphone, each when it is time for it."""

from __future__ import annotations

import base64
import io
import wave

from playwright.async_api import BrowserContext, Page

from tests.mock.speech.sounds import RATE, spoken

MICROPHONE = """
(() => {
  let context, wire;
  navigator.mediaDevices.getUserMedia = async () => {
    context = new AudioContext();
    await context.resume();
    wire = context.createMediaStreamDestination();
    return wire.stream;
  };
  window.speak = async (wav) => {
    const bytes = Uint8Array.from(atob(wav), (letter) => letter.charCodeAt(0));
    const voice = context.createBufferSource();
    voice.buffer = await context.decodeAudioData(bytes.buffer);
    voice.connect(wire);
    const ended = new Promise((resolve) => (voice.onended = resolve));
    voice.start();
    await ended;
  };
})();
"""


async def give_microphone(visit: BrowserContext) -> None:
    """Pages of this visit hear what ``speak`` says, and silence else."""
    await visit.add_init_script(MICROPHONE)


async def speak(page: Page, text: str, voice: str) -> None:
    """Say a sentence in a voice of flite's; returns when it is said."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, RATE, 0, "NONE", ""))
        sound.writeframes(spoken(text, voice).astype("<i2").tobytes())
    await page.evaluate("(wav) => window.speak(wav)", base64.b64encode(file.getvalue()).decode())
