"""What an error event of the upstream means: one table, by ``code``. An unknown code is surfaced."""

from __future__ import annotations

from enum import Enum


class Verdict(Enum):
    """What to do about it."""

    IGNORE = "ignore"
    """No harm was done and nobody needs to know."""
    RETRY = "retry"
    """Another response was active: ours is still wanted."""
    SURFACE = "surface"
    """The client is told, the call lives on."""
    REOPEN = "reopen"
    """This upstream session is over; another takes its place."""
    FATAL = "fatal"
    """The account or the request is refused for good."""


_TABLE = {
    "response_cancel_not_active": Verdict.IGNORE,
    "item_truncate_invalid_item_id": Verdict.IGNORE,
    "item_delete_invalid_item_id": Verdict.IGNORE,
    "item_retrieve_invalid_item_id": Verdict.IGNORE,
    "item_create_duplicate_item_id": Verdict.IGNORE,
    "conversation_already_has_active_response": Verdict.RETRY,
    "session_expired": Verdict.REOPEN,
    "invalid_api_key": Verdict.FATAL,
    "account_deactivated": Verdict.FATAL,
    "insufficient_quota": Verdict.FATAL,
    "billing_hard_limit_reached": Verdict.FATAL,
    "credit_balance_exhausted": Verdict.FATAL,
    "beta_api_shape_disabled": Verdict.FATAL,
    "model_not_found": Verdict.FATAL,
}

OWN_CUT_PREFIX = "cut_"
"""Event ids of our truncations and deletions: their refusal changes nothing for anyone."""


def judge(code: str | None, event_id: str | None) -> Verdict:
    """The verdict on an error event."""
    if event_id is not None and event_id.startswith(OWN_CUT_PREFIX):
        return Verdict.IGNORE
    return _TABLE.get(code or "", Verdict.SURFACE)
