"""Places and their time zones."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

_ALIASES: Final = {
    "bangalore": "Asia/Kolkata",
    "barcelona": "Europe/Madrid",
    "beijing": "Asia/Shanghai",
    "boston": "America/New_York",
    "brazil": "America/Sao_Paulo",
    "california": "America/Los_Angeles",
    "cape town": "Africa/Johannesburg",
    "china": "Asia/Shanghai",
    "cologne": "Europe/Berlin",
    "dallas": "America/Chicago",
    "delhi": "Asia/Kolkata",
    "england": "Europe/London",
    "florida": "America/New_York",
    "france": "Europe/Paris",
    "frankfurt": "Europe/Berlin",
    "geneva": "Europe/Zurich",
    "germany": "Europe/Berlin",
    "gmt": "Etc/GMT",
    "greenwich": "Etc/GMT",
    "hamburg": "Europe/Berlin",
    "hawaii": "Pacific/Honolulu",
    "houston": "America/Chicago",
    "india": "Asia/Kolkata",
    "italy": "Europe/Rome",
    "japan": "Asia/Tokyo",
    "kyiv": "Europe/Kyiv",
    "las vegas": "America/Los_Angeles",
    "manchester": "Europe/London",
    "melbourne": "Australia/Melbourne",
    "miami": "America/New_York",
    "milan": "Europe/Rome",
    "montreal": "America/Toronto",
    "mumbai": "Asia/Kolkata",
    "munich": "Europe/Berlin",
    "netherlands": "Europe/Amsterdam",
    "new delhi": "Asia/Kolkata",
    "new york city": "America/New_York",
    "osaka": "Asia/Tokyo",
    "philadelphia": "America/New_York",
    "rio": "America/Sao_Paulo",
    "rio de janeiro": "America/Sao_Paulo",
    "saint petersburg": "Europe/Moscow",
    "san diego": "America/Los_Angeles",
    "san francisco": "America/Los_Angeles",
    "seattle": "America/Los_Angeles",
    "south korea": "Asia/Seoul",
    "spain": "Europe/Madrid",
    "sweden": "Europe/Stockholm",
    "switzerland": "Europe/Zurich",
    "tel aviv": "Asia/Jerusalem",
    "texas": "America/Chicago",
    "uk": "Europe/London",
    "utc": "Etc/UTC",
    "washington": "America/New_York",
}


def zone_of(place: str) -> ZoneInfo | None:
    """The time zone of a city, a country with an alias, or a zone's own name."""
    name = place.strip().removeprefix("the ").replace("'", "")
    key = _ALIASES.get(name) or _zones().get(name)
    return ZoneInfo(key) if key else None


@cache
def _zones() -> dict[str, str]:
    """Names of zones and of their cities, from the one file that lists them."""
    names: dict[str, str] = {}
    for zone in resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split():
        names.setdefault(zone.lower().replace("_", " "), zone)
        if "/" in zone and not zone.startswith(("Etc/", "US/")):
            names.setdefault(zone.rsplit("/", 1)[1].lower().replace("_", " "), zone)
    return names
