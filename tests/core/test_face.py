"""The face in memory: nothing of ours is shown, the order is the API's, ids stay good, every event has an end."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.protocol.json import JsonObject
from tests.core.face_world import FaceWorld
from tests.core.machine_script import MOODS, sound

ACTS = (
    "say",
    "create",
    "create with metadata",
    "aside",
    "cancel",
    "speak",
    "retrieve",
    "delete",
    "truncate",
    "configure",
    "lose",
    "open",
    "agent",
    "wait",
    "wait long",
)


class Client:
    """Does one thing after another, and knows what it may count on."""

    def __init__(self, world: FaceWorld) -> None:
        self.world = world
        self.said: list[str] = []
        self.edits: list[tuple[str, str, str]] = []
        self.deleted: set[str] = set()
        self.numbers = 0

    def act(self, what: str, chance: int) -> None:
        world, session = self.world, {"type": "realtime", "instructions": f"Be {chance}."}
        aside = {"conversation": "none", "metadata": {"aside": "1"}}
        deeds: dict[str, Callable[[], object]] = {
            "say": lambda: self.said.append(world.say(f"words {chance}")),
            "create": lambda: world.send("response.create"),
            "create with metadata": self._number,
            "aside": lambda: world.send("response.create", response=aside),
            "cancel": lambda: world.send("response.cancel"),
            "speak": lambda: world.hear(sound(4, 4)),
            "configure": lambda: world.send("session.update", session=session),
            "lose": world.lose,
            "open": world.open,
            "agent": world.end_turns,
            "wait": lambda: world.flow(0.3),
            "wait long": lambda: world.flow(4.0),
        }
        deeds.get(what, lambda: self._edit(what, chance))()

    def _number(self) -> None:
        self.numbers += 1
        self.world.send("response.create", response={"metadata": {"n": str(self.numbers)}})

    def _edit(self, what: str, chance: int) -> None:
        """Of an item that was shown to be complete."""
        done = [event["item"] for event in self.world.of("conversation.item.done")]
        items = [item for item in done if item["type"] == "message" and item["id"] not in self.deleted]
        if what == "truncate":
            items = [item for item in items if item["content"] and item["content"][0]["type"] == "output_audio"]
        if not items:
            return
        item = items[chance % len(items)]
        more = {"content_index": 0, "audio_end_ms": 10} if what == "truncate" else {}
        event_id = self.world.send(f"conversation.item.{what}", item_id=item["id"], **more)
        self.edits.append((event_id, f"conversation.item.{what}d", item["id"]))
        if what == "delete":
            self.deleted.add(item["id"])


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    st.lists(st.sampled_from(sorted(MOODS)), min_size=1, max_size=4),
    st.lists(st.tuples(st.sampled_from(ACTS), st.integers(0, 50)), max_size=30),
)
def test_whatever_a_client_does(moods: list[str], acts: list[tuple[str, int]]) -> None:
    world = FaceWorld([mood for mood in moods if mood != "unknown tool"] or ["say"])
    client = Client(world)
    world.flow(0.1)
    for what, chance in acts:
        client.act(what, chance)
    world.come_to_rest()
    _judge(world, client)


def _judge(world: FaceWorld, client: Client) -> None:
    assert len(world.of("session.created")) == 1
    aside = {event["response"]["id"] for event in world.of("response.created") if _is_aside(event)}
    running = {response for response, status in world.order.responses.items() if status == "in_progress"}
    assert not running - aside
    shown = [event["item"]["id"] for event in world.of("conversation.item.added")]
    assert sorted(shown) == sorted(set(shown)), "an item is shown once"
    assert set(client.said) <= set(shown), "what the client says becomes an item"
    known = {None, *shown}
    for event in world.seen:
        assert event.get("previous_item_id") in known, event
    done = [(event["type"], event.get("item_id") or event["item"]["id"]) for event in world.seen if _is_edit(event)]
    for event_id, kind, item_id in client.edits:
        error = world.error_of(event_id)
        assert error is None or "already shorter" in error["message"], error
        assert error is not None or (kind, item_id) in done, (kind, item_id)
    assert not [e for e in world.of("error") if e["error"]["code"] == "conversation_already_has_active_response"]
    told = [event["response"]["metadata"] for event in world.of("response.created")]
    numbers = [metadata["n"] for metadata in told if metadata and "n" in metadata]
    if world.script_delegates:  # an answer that waits for the agent may be overtaken
        return
    assert numbers == sorted(numbers, key=int), "what has parameters is asked for in order"


def _is_aside(event: JsonObject) -> bool:
    return event["response"]["conversation_id"] is None


def _is_edit(event: JsonObject) -> bool:
    kind = str(event["type"])
    return kind.startswith("conversation.item.") and kind.rpartition(".")[2] in ("retrieved", "deleted", "truncated")
