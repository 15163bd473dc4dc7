"""The process that speaks for all sessions, by flite where the machine has it, else by espeak-ng.

It says ``ready`` (engine, null where there is none), then answers each ``speak`` (id, text, voice, speed) by
``spoken`` (id) with the sound: PCM16, mono, 24 kHz.
"""

from __future__ import annotations

import sys

from realtime.mock.speech.espeak import Espeak
from realtime.mock.speech.flite import Flite
from realtime.mock.speech.pipe import ChildEnd
from realtime.mock.speech.voices import Voice

ENGINES: dict[str, type[Flite] | type[Espeak]] = {Flite.name: Flite, Espeak.name: Espeak}


def first_voice(names: list[str]) -> Voice | None:
    """The first of these engines that is here."""
    for name in (name for name in names if name in ENGINES):
        try:
            return ENGINES[name]()
        except OSError:
            continue
    return None


def main() -> None:
    """Until the parent has gone. Arguments: the engines to try, in order."""
    end = ChildEnd()
    voice = first_voice(sys.argv[1:] or list(ENGINES))
    end.send({"type": "ready", "engine": voice.name if voice is not None else None})
    if voice is None:
        return
    for head, _ in end.messages():
        sound = voice.speak(head["text"], voice=head["voice"], speed=head["speed"])
        end.send({"type": "spoken", "id": head["id"]}, sound.finished())


if __name__ == "__main__":
    main()
