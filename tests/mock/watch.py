"""Every event of every mock session in the test run is held against the book and the SDK's types.

What is checked is what models in this process say, before faults and pushes; a broken rule fails the test in
which it was said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pytest

from realtime.mock.model import Effect, MockModel
from realtime.protocol.json import JsonObject
from tests.mock.order import OrderChecker
from tests.mock.sdk_types import check

_MOST_TOLD = 3


class Watch:
    """Sees what models say; ``problems`` are the rules that were broken."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._orders: dict[MockModel, OrderChecker] = {}

    def see(self, model: MockModel, event: JsonObject) -> None:
        """Check the next event of a session."""
        order = self._orders.setdefault(model, OrderChecker(live_words=model.hears_outside))
        try:
            order.see(event)
            if model._state.configuration.kind != "quicksilver":
                check(event)
        except Exception as error:
            self.problems.append(f"{event['type']}: {type(error).__name__}: {str(error)[:500]}")


@pytest.fixture(autouse=True)
def watched_models(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    watch, numbered = Watch(), MockModel._numbered

    def watched(model: MockModel, events: Iterable[JsonObject]) -> list[Effect]:
        effects = numbered(model, events)
        for effect in effects:
            if isinstance(effect, dict):
                watch.see(model, effect)
        return effects

    monkeypatch.setattr(MockModel, "_numbered", watched)
    yield
    assert not watch.problems, "\n".join(watch.problems[:_MOST_TOLD])
