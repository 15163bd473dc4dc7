"""What must hold of one call, judged from what goes in and what comes out of it alone."""

from __future__ import annotations

from dataclasses import dataclass

from realtime.core import actions as act
from realtime.core.config import SessionConfig
from realtime.core.upstreams import SWITCH_AT
from realtime.protocol import realtime as ev
from realtime.protocol.appserver import Draft
from realtime.protocol.json import JsonObject
from tests.core.machine_wishes import Violated, Wishes, hold


@dataclass(slots=True)
class _Shown:
    """An item of the thread as its clients have it."""

    item: JsonObject
    ended: bool = False


@dataclass(slots=True)
class _Heard:
    """What arrived of an answer's audio on one connection."""

    generation: int
    ms: float = 0.0
    played_ms: float = 0.0


class Oracle:
    """One call. Every method raises ``Violated`` when something does not hold."""

    def __init__(self, config: SessionConfig) -> None:
        self.wishes = Wishes(config.response_s)
        self.generation = 0
        self.closed = False
        self.state: JsonObject | None = None
        self._config = config
        self._opens = 0
        self._made_at: dict[int, float] = {}
        self._alive_since = 0.0
        self._lost = False
        self._lost_words = False
        self._shown: dict[str, _Shown] = {}
        self._finished_lines: set[str] = set()
        self._audio: dict[str, _Heard] = {}
        self._played: set[str] = set()
        self._flushed: set[str] = set()
        self._flushes = False
        self._calls: dict[str, bool] = {}
        self._cut_calls: set[str] = set()
        self._outputs: dict[str, str] = {}
        self._told_here: set[str] = set()
        self._news: dict[str, int] = {}
        self._committing = False
        self._speech: str | None = None
        """The item of speech that the call knows to go on."""
        self._unanswered = False
        """The talk ends with words, or a result, that no answer has followed."""
        self._notes: list[str] = []

    # -- what goes in ------------------------------------------------------------------------------

    def hears(self, event: ev.ServerEvent, now: float) -> None:
        """An event of the current connection is about to be taken."""
        self._lost = isinstance(event, ev.ErrorEvent) and event.error.code == "session_expired"
        self.wishes.hears(event)
        if isinstance(event, ev.OutputAudioDelta):
            self._count(event)
        self._listen(event)
        if isinstance(event, ev.AudioCommitted) and self._committing:
            self._committing = False
            self.wishes.wish(now, spoken=True)
        if isinstance(event, ev.ErrorEvent) and event.error.code == "input_audio_buffer_commit_empty":
            self._committing = False
        for item in _calls_in(event):
            whole = item.status != "incomplete"
            self._calls.setdefault(str(item.call_id), whole and item.name == "background_agent")
            if not whole:
                self._cut_calls.add(str(item.call_id))

    def expires(self) -> None:
        """The deadline has passed: what was not answered is given up, and nobody is believed to speak for so long."""
        self.wishes.expires()
        self._speech = None

    def obeys(self, command: act.Command, now: float) -> None:
        """A command is about to be applied."""
        self._lost = isinstance(command, act.UpstreamLost)
        match command:
            case act.AppendText():
                respond = command.respond
                if respond or (respond is None and self._config.modality == "text"):
                    self.wishes.wish(now)
                self._unanswered |= command.role == "user"
            case act.AppendSpeech():
                self.wishes.wish(now)
                self._unanswered = True
            case act.CommitAudio():
                self._committing = True
            case _:
                pass

    # -- what comes out ----------------------------------------------------------------------------

    def sees(self, action: act.Action, now: float) -> None:
        """An action, in order."""
        hold(not self.closed, f"after Close came {action}")
        match action:
            case act.Send():
                self._sends(action.event, now)
            case act.Begin():
                self._begins(action, now)
            case act.Notify():
                self._notifies(action.notification.method.removeprefix("thread/realtime/"), action.notification.params)
            case act.Record():
                self._records(action.draft)
            case act.Play():
                self._plays(str(action.chunk.item_id), _ms(action.chunk.data))
            case act.Flush():
                self._flushes = True
                self._flushed |= self._played | {str(action.item_id)}
            case act.Relay():
                hold(False, "nobody is relayed to where no client speaks the Realtime API")
            case _:
                self._does(action)

    def _does(self, action: act.Dial | act.Open | act.Close | act.StartOrJoinTurn) -> None:
        match action:
            case act.Open():
                hold(action.generation == self._opens + 1, "generations are counted")
                self._opens = action.generation
            case act.Close():
                self.closed = True
                self._closes()
            case act.StartOrJoinTurn():
                hold(self._calls.get(action.call_id) is True, "only a call of the agent is handed over")

    def made(self, generation: int, now: float) -> None:
        """There is a connection, and with it a session whose time runs."""
        self._made_at[generation] = now

    def begun_input(self) -> None:
        """A new input: what the last one lost is forgotten."""
        self._lost_words = self._flushes = False

    def rests(self) -> None:
        """Nothing is under way: the call is idle, and owes nothing."""
        self.wishes.rests()
        owed = [call for call in self._calls if call not in self._outputs]
        hold(not owed, f"calls without an answer: {owed}")
        hold(self.state is None or self.state == _IDLE, f"not idle: {self.state}")
        left = [shown.item for shown in self._shown.values() if not shown.ended]
        talking = [item["id"] for item in left if item["type"] == "assistantMessage"]
        hold(not talking, f"answers that never end: {talking}")

    @property
    def items(self) -> list[str]:
        """Answers whose audio has come, oldest first."""
        return list(self._audio)

    # -- details -----------------------------------------------------------------------------------

    def _listen(self, event: ev.ServerEvent) -> None:
        match event:
            case ev.SpeechStarted() if self._config.barge_in:
                self._speech = str(event.item_id)
            case ev.SpeechStopped() | ev.AudioCommitted() | ev.AudioCleared():
                self._speech = None
            case ev.InputTranscriptDone() if event.item_id == self._speech:
                self._speech = None
            case _:
                pass

    def _count(self, event: ev.OutputAudioDelta) -> None:
        heard = self._audio.setdefault(str(event.item_id), _Heard(self.generation))
        if event.delta is not None:
            heard.ms += _ms(event.delta)

    def _plays(self, item_id: str, ms: float) -> None:
        hold(item_id not in self._flushed, f"played after its flush: {item_id}")
        self._played.add(item_id)
        heard = self._audio[item_id]
        heard.played_ms += ms
        hold(heard.played_ms <= heard.ms + 1e-3, f"played twice: {item_id}")

    def _sends(self, event: ev.ClientEvent, now: float) -> None:
        match event:
            case ev.ItemTruncate():
                self._cuts(event.item_id)
                heard = self._audio.get(event.item_id)
                hold(heard is not None, "what is truncated has sounded")
                if heard is not None:
                    hold(heard.generation == self.generation, "only what this upstream said is truncated")
                    hold(event.audio_end_ms <= heard.ms + 1e-3, f"truncated at {event.audio_end_ms} of {heard.ms}")
            case ev.ItemDelete():
                self._cuts(event.item_id)
            case ev.ItemCreate():
                self._creates(event.item, now)
            case ev.ResponseCreate():
                hold(self._speech is None, "asked for a response while the person spoke")
                self.wishes.asks(str(event.event_id), self.generation, now)
            case ev.ResponseCancel():
                pass
            case _:
                pass

    def _cuts(self, item_id: str) -> None:
        hold(self._flushes or item_id in self._flushed, "what is cut is flushed")
        self._flushed.add(item_id)

    def _creates(self, item: JsonObject, now: float) -> None:
        if item["type"] == "message" and item["content"][0]["text"].startswith("[BACKEND] "):
            self._news.setdefault(item["id"], self.wishes.moment())
            self._unanswered = True
        if item["type"] != "function_call_output":
            return
        call_id = str(item["call_id"])
        hold(call_id in self._calls, f"an answer to no call: {call_id}")
        hold(call_id not in self._told_here, f"a call answered twice on one connection: {call_id}")
        hold(self._outputs.get(call_id, item["id"]) == item["id"], f"two answers to one call: {call_id}")
        self._told_here.add(call_id)
        if call_id not in self._outputs:
            self._outputs[call_id] = item["id"]
            self._unanswered = bool(item["output"])
            if item["output"] == self._config.words.result_pointer:  # what it points to may have been spoken of
                self.wishes.wish(now, since=max(self._news.values()))
            elif item["output"] and call_id not in self._cut_calls:
                self.wishes.wish(now)

    def _begins(self, action: act.Begin, now: float) -> None:
        forced = self._lost or now >= self._alive_since + self._config.session_limit_s * SWITCH_AT
        hold(forced or not self._lost_words, "a switch in a quiet moment lost what was being said")
        self._speech = None
        self.generation, self._alive_since = action.generation, self._made_at[action.generation]
        self._told_here.clear()
        self.wishes.begins()
        ids = [event.item["id"] for event in action.events if isinstance(event, ev.ItemCreate)]
        hold(len(ids) == len(set(ids)), "no item is told twice")
        items = [event.item for event in action.events if isinstance(event, ev.ItemCreate)]
        for item in items:
            self._creates(item, now)
        # Every call that waits is told; one that is not has been answered while there was no connection.
        told = {item["call_id"] for item in items if item["type"] == "function_call"}
        for call_id in self._calls.keys() - self._outputs.keys() - told:
            self._outputs[call_id] = "answered meanwhile"

    def _notifies(self, method: str, params: JsonObject) -> None:
        self._notes.append(method)
        item_id = params.get("itemId")
        match method:
            case "started" | "closed":
                hold(self._notes.count(method) == 1, f"said {method} twice")
                hold("started" in self._notes, "closed before it started")
            case "transcript/delta":
                hold(item_id not in self._finished_lines, f"words after the end of {item_id}")
                shown = self._shown.get(str(item_id))
                hold(shown is None or not shown.ended, f"words after the record of {item_id}")
            case "transcript/done":
                hold(item_id not in self._finished_lines, f"the words of {item_id} end twice")
                self._finished_lines.add(str(item_id))
            case "error" if "sound of this turn" in params["message"]:
                hold(self._committing, "only a turn that was being committed is told as lost")
                self._committing = False
                self._forgive()
            case "state":
                hold(params != self.state, "a state is told once")
                self.state = params

    def _records(self, draft: Draft) -> None:
        item = draft.body["item"]
        shown = self._shown.get(draft.key)
        if draft.method == "item/started":
            hold(shown is None, f"begun twice, or after its end: {draft.key}")
            self._shown[draft.key] = _Shown(item)
            return
        hold(item.get("status") != "inProgress", "what is recorded as complete has an end")
        lost = "connection was lost" in str(item.get("error"))
        self._lost_words |= lost
        if item["type"] == "assistantMessage" and item["text"]:
            self._unanswered = False
        elif item["type"] == "userMessage" and item["status"] == "completed":
            self._unanswered = True
        elif item["type"] == "userMessage" and (lost or self._lost):
            self._forgive()
        if shown is not None and shown.ended:
            changed = {name for name in item.keys() | shown.item.keys() if item.get(name) != shown.item.get(name)}
            late = shown.item.get("error") == "no transcription came" and item["status"] == "completed"
            allowed = _AMENDABLE | {"text", "status", "error"} if late else _AMENDABLE
            hold(changed <= allowed, f"{draft.key} ended twice: {changed}")
        self._shown[draft.key] = _Shown(item, ended=True)

    def _forgive(self) -> None:
        """Words were lost with their connection: where nothing else waits for an answer, there is none to be given."""
        if not self._unanswered:
            self.wishes.forget()

    def _closes(self) -> None:
        hold(("closed" in self._notes) == ("started" in self._notes), "what said started says closed")
        hold("started" not in self._notes or self._notes[-1] == "closed", "nothing is told after closed")
        left = [known for known, shown in self._shown.items() if not shown.ended]
        hold(not left, f"items that never end: {left}")

    def check_state(self, *, open_calls: bool) -> None:
        """What was told last of the hand-offs is so. ``open_calls``: the call is up."""
        if open_calls:
            waiting = len([call for call in self._calls if call not in self._outputs])
            known = self.state["handoffsOpen"] if self.state is not None else 0
            hold(known == waiting, f"{waiting} hand-offs are open, told were {known}")


def _ms(data: str) -> float:
    """How long this audio is: base64 of 16 bits at 24 kHz."""
    return len(data) * 3 / 4 / 48


def _calls_in(event: ev.ServerEvent) -> list[ev.Item]:
    """Function calls that are over, by any of the three events that say so."""
    shown: list[ev.Item] = []
    if isinstance(event, ev.ItemDone) or (
        isinstance(event, ev.OutputItem) and event.type == "response.output_item.done"
    ):
        shown = [event.item]
    elif isinstance(event, ev.ResponseDone):
        shown = [ev.Item.model_validate(body) for body in event.response.output or []]
    return [item for item in shown if item.type == "function_call"]


_AMENDABLE = {"status", "heardMs", "audioMs"}
_IDLE = {
    "threadId": "thread",
    "responseActive": False,
    "responseWanted": False,
    "handoffsOpen": 0,
    "speaking": False,
}

__all__ = ["Oracle", "Violated"]
