"""Rate limits: two buckets that fill by the minute."""

from __future__ import annotations

from realtime.protocol.json import JsonObject

_MINUTE = 60.0


class RateLimits:
    """Requests and tokens a minute. What is spent comes back evenly; the clock comes in from outside."""

    def __init__(self, *, requests: int, tokens: int) -> None:
        self._limits = {"requests": requests, "tokens": tokens}
        self._left = {name: float(limit) for name, limit in self._limits.items()}
        self._at: float | None = None

    def spend(self, tokens: int, now: float) -> float:
        """Take one request of so many tokens. 0 when there was room, else the seconds until there is some."""
        self._refill(now)
        wanted = {"requests": 1, "tokens": min(tokens, self._limits["tokens"])}
        waits = [
            (wanted[name] - left) * _MINUTE / self._limits[name]
            for name, left in self._left.items()
            if left < wanted[name]
        ]
        if not waits:
            for name, amount in wanted.items():
                self._left[name] -= amount
        return max(waits, default=0.0)

    def event(self) -> JsonObject:
        """The ``rate_limits.updated`` of the moment."""
        limits = [
            {
                "name": name,
                "limit": limit,
                "remaining": int(self._left[name]),
                "reset_seconds": round((limit - self._left[name]) * _MINUTE / limit, 3),
            }
            for name, limit in self._limits.items()
        ]
        return {"type": "rate_limits.updated", "rate_limits": limits}

    def _refill(self, now: float) -> None:
        since = 0.0 if self._at is None else max(0.0, now - self._at)
        self._at = now
        for name, limit in self._limits.items():
            self._left[name] = min(limit, self._left[name] + since * limit / _MINUTE)
