"""The responses of a session: one at a time in the conversation, any number beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from realtime.mock.conversation import approved
from realtime.mock.item import Item, age, new_item
from realtime.mock.plan import Plan, plan
from realtime.mock.rate_limits import RateLimits
from realtime.mock.refusal import Refused
from realtime.mock.reply import Call, Failure, Reply, Script
from realtime.mock.response import Question, Response, Stage
from realtime.mock.schema import wrong_value
from realtime.mock.state import SessionState
from realtime.mock.tokens import Bill, Tokens, bill, context_limit, item_tokens
from realtime.mock.window import within
from realtime.protocol.json import JsonObject


class Answers:
    """Starts and cancels responses. What a response says is the script's."""

    def __init__(self, state: SessionState, script: Script, stage: Stage) -> None:
        self._state = state
        self._script = script
        self._stage = stage
        self._responses: list[Response] = []
        self._paid: list[tuple[str, Tokens]] = []
        self._made = 0
        self.bill: Counter[str] = Counter(responses=0, input_tokens=0, cached_tokens=0, output_tokens=0)
        """What all responses that have ended came to."""
        settings = state.settings
        self._limits = RateLimits(requests=settings.requests_per_minute, tokens=settings.tokens_per_minute)

    @property
    def active(self) -> Response | None:
        """The response that writes to the conversation."""
        return next((each for each in self._responses if each.active and each.plan.conversation), None)

    @property
    def busy(self) -> bool:
        """Whether there are responses, were they but ended a moment ago."""
        return bool(self._responses)

    def voice_of(self, response_id: str) -> str | JsonObject | None:
        """The voice of a response that speaks in the conversation; None for one beside it."""
        plans = (response.plan for response in self._responses if response.id == response_id)
        return next((plan.voice for plan in plans if plan.conversation), None)

    def finished(self) -> list[Response]:
        """Those that have ended since the last call."""
        if not self._responses:
            return []
        ended = [response for response in self._responses if not response.active]
        self._responses = [response for response in self._responses if response.active]
        for response in ended:
            usage = response.usage
            cached = usage["input_token_details"]["cached_tokens"]
            tokens = {name: usage[name] for name in ("input_tokens", "output_tokens")}
            self.bill.update(responses=1, cached_tokens=cached, **tokens)
        return ended

    def create(self, event: JsonObject) -> Iterator[JsonObject]:
        """Begin what the client asks for; the events come by the timeline."""
        state, overrides = self._state, event.get("response") or {}
        if state.configuration.kind == "transcription":
            raise wrong_value("type", "A transcription session has no responses.")
        state.configuration.check_reasoning(overrides, "response")
        planned = plan(state.configuration.values, overrides, state.servers)
        active = self.active
        if planned.conversation:
            state.configuration.check_voice(planned.voice, "response.audio.output.voice")
            if active is not None:
                raise Refused(
                    "conversation_already_has_active_response",
                    f"Conversation already has an active response in progress: {active.id}. "
                    "Wait until the response is finished before creating a new one.",
                )
        given = overrides.get("input")
        self._start(planned, state.conversation.items if given is None else self._resolved(given))
        return state.servers.list_now(overrides.get("tools") or [])

    def automatic(self) -> None:
        """Begin the answer to a turn that was found; raises ``Refused`` when the conversation has grown too long."""
        state = self._state
        self._start(plan(state.configuration.values, {}, state.servers), state.conversation.items)

    def cancel(self, event: JsonObject) -> Iterator[JsonObject]:
        """End a response for the client."""
        wanted = event.get("response_id")
        found = self.active
        if wanted is not None:
            found = next((each for each in self._responses if each.id == wanted and each.active), None)
        if found is None:
            raise Refused("response_cancel_not_active", "Cancellation failed: no active response found")
        yield from found.cancel("client_cancelled")

    def interrupt(self) -> Iterator[JsonObject]:
        """End the answer because somebody speaks."""
        if (active := self.active) is not None:
            yield from active.cancel("turn_detected")

    def _start(self, planned: Plan, items: list[Item]) -> None:
        state = self._state
        limit = state.settings.context_tokens or context_limit(state.settings.model)
        items = within(items, planned.instruction_tokens, limit, state.configuration.truncation)
        given = self._bill(planned, items)
        wait_s = self._limits.spend(given.given.total, state.now)
        response = Response(planned, self._prepared(planned, items, wait_s), self._stage, given, self._limits.event())
        self._responses.append(response)
        state.timeline.start(response.perform(), state.now)

    def _prepared(self, planned: Plan, items: list[Item], wait_s: float) -> Reply | Question:
        """What is to be said; a question where not all is understood yet that it depends on."""
        calls = _approved_calls(planned, items)
        if wait_s:
            reply = Reply(failure=_too_many(self._state.settings.model, wait_s))
        elif calls:
            # A response that does what was approved answers nothing that was said.
            return Reply(calls)
        elif hearings := [item.hearing for item in items if item.hearing is not None and not item.hearing.ready]:
            return Question(hearings, lambda: self._reply(planned, items))
        else:
            return self._reply(planned, items)
        _answered(planned, items)
        return reply

    def _reply(self, planned: Plan, items: list[Item]) -> Reply:
        self._made += 1
        for item in items:
            item.understand()
        reply = self._script.reply(planned.context(items, f"{self._state.ids.seed}/{self._made}"))
        _answered(planned, items)
        return reply

    def _bill(self, planned: Plan, items: list[Item]) -> Bill:
        context = [(planned.instructions, Tokens(planned.instruction_tokens))]
        context += [(item.id, item_tokens(item)) for item in items]
        before, self._paid = self._paid, context
        return bill(before, context)

    def _resolved(self, given: list[JsonObject]) -> list[Item]:
        """The items of ``response.input``, which belong to this response alone."""
        state = self._state
        items = []
        for index, body in enumerate(given):
            path = f"response.input[{index}]"
            if body["type"] == "item_reference":
                item = state.conversation.get(body["id"])
                if item is None:
                    message = f"Invalid '{path}.id': the item with id '{body['id']}' does not exist."
                    raise wrong_value(f"{path}.id", message)
                items.append(Item(item.wire(), item.sounds, item.format, item.heard, item.hearing))
            else:
                items.append(new_item(body, state.ids.new, state.configuration.input_format, path))
                state.listen(items[-1])
        age(items)
        return items


def _answered(planned: Plan, items: list[Item]) -> None:
    if planned.conversation:
        for item in items:
            item.fresh = False


def _approved_calls(planned: Plan, items: list[Item]) -> tuple[Call, ...]:
    """What the client has approved since it was asked."""
    if not planned.conversation:
        return ()
    names = {remote.key: name for name, remote in planned.remote.items()}
    requests = [(item, names.get((item.body["server_label"], item.body["name"]))) for item in approved(items)]
    return tuple(Call(name, item.body["arguments"], item.id) for item, name in requests if name is not None)


def _too_many(model: str, wait_s: float) -> Failure:
    message = f"Rate limit reached for {model}. Please try again in {wait_s:.3f}s."
    return Failure("rate_limit_exceeded", message)
