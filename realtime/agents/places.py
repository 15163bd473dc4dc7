"""Places and their time zones."""

from __future__ import annotations

import difflib
import unicodedata
from functools import cache
from importlib import resources
from typing import Final
from zoneinfo import ZoneInfo

_LETTERS: Final = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d", "ı": "i", "-": " "})
_CLOSE: Final = 0.8
"""How alike a name must be to pass for another that was misheard or misspelt."""
_REGIONS: Final = ("Brazil/", "Canada/", "Chile/", "Etc/", "Mexico/", "US/")
"""Where zones are named by parts of a country, not by cities."""
_SHORTEST: Final = 5
"""Shorter names are not guessed."""

# Cities and countries whose name is not that of their zone; a country with several zones has that of its capital.
_ALIASES: Final = """
Africa/Addis_Ababa | ethiopia
Africa/Cairo | egypt, alexandria
Africa/Casablanca | morocco, marrakesh, marrakech, rabat
Africa/Johannesburg | cape town, durban, pretoria, south africa
Africa/Lagos | nigeria, abuja
Africa/Nairobi | kenya
America/Argentina/Buenos_Aires | argentina
America/Bogota | colombia, medellin
America/Chicago | dallas, houston, texas, austin, san antonio, minneapolis, new orleans, memphis, nashville, \
milwaukee, st louis, saint louis, kansas city
America/Denver | colorado, salt lake city, utah
America/Edmonton | calgary
America/Halifax | nova scotia
America/Lima | peru
America/Los_Angeles | california, san francisco, san diego, seattle, las vegas, portland, sacramento, oakland, \
silicon valley, hollywood, la, oregon, nevada
America/Mexico_City | mexico, guadalajara
America/New_York | boston, miami, philadelphia, washington, washington dc, new york city, atlanta, florida, orlando, \
baltimore, pittsburgh, cleveland, nyc, america, united states, united states of america, usa, us, georgia usa
America/Phoenix | arizona
America/Santiago | chile, santiago de chile
America/Sao_Paulo | brazil, rio, rio de janeiro, brasilia, belo horizonte
America/Toronto | montreal, ottawa, quebec, canada
Asia/Bangkok | thailand, phuket
Asia/Dubai | abu dhabi, united arab emirates, uae, emirates
Asia/Ho_Chi_Minh | vietnam, hanoi, saigon
Asia/Hong_Kong | hongkong
Asia/Jakarta | indonesia
Asia/Jerusalem | israel, tel aviv
Asia/Karachi | pakistan, islamabad, lahore
Asia/Kathmandu | nepal
Asia/Kolkata | india, bangalore, bengaluru, delhi, new delhi, mumbai, bombay, chennai, madras, hyderabad, calcutta, pune
Asia/Kuala_Lumpur | malaysia
Asia/Makassar | bali, denpasar
Asia/Manila | philippines
Asia/Riyadh | saudi arabia, mecca, jeddah
Asia/Seoul | south korea, korea, busan
Asia/Shanghai | china, beijing, peking, shenzhen, guangzhou
Asia/Taipei | taiwan
Asia/Tehran | iran
Asia/Tokyo | japan, tokio, osaka, kyoto, nagoya, sapporo
Atlantic/Reykjavik | iceland
Australia/Melbourne | victoria australia
Australia/Sydney | australia, canberra
Etc/GMT | gmt, greenwich
Etc/UTC | utc, universal time, zulu
Europe/Amsterdam | netherlands, holland, rotterdam, the hague, den haag, utrecht
Europe/Athens | greece, athen, thessaloniki
Europe/Belgrade | serbia, beograd
Europe/Berlin | germany, cologne, koln, koeln, frankfurt, hamburg, munich, munchen, muenchen, stuttgart, dresden, \
leipzig, hanover, hannover, dusseldorf, duesseldorf, nuremberg, nurnberg, bremen, bonn
Europe/Brussels | belgium, brussel, bruxelles, antwerp, ghent, bruges
Europe/Bucharest | romania, bucuresti
Europe/Budapest | hungary
Europe/Copenhagen | denmark, kobenhavn, aarhus
Europe/Dublin | ireland, cork
Europe/Helsinki | finland
Europe/Istanbul | turkey, ankara, izmir
Europe/Kyiv | kyiv, kiev, ukraine
Europe/Lisbon | portugal, lisboa, porto
Europe/London | england, uk, united kingdom, britain, great britain, scotland, wales, manchester, edinburgh, glasgow, \
liverpool, birmingham, oxford, cambridge, bristol, leeds
Europe/Madrid | spain, barcelona, valencia, seville, sevilla, malaga, bilbao
Europe/Moscow | russia, moskva, moskau, saint petersburg, st petersburg, petersburg
Europe/Oslo | norway, bergen
Europe/Paris | france, lyon, marseille, nice, bordeaux, toulouse, strasbourg
Europe/Prague | czech republic, czechia, praha, prag, brno
Europe/Rome | italy, milan, milano, naples, napoli, venice, florence, firenze, turin, roma
Europe/Stockholm | sweden, gothenburg, goteborg, malmo
Europe/Vienna | austria, wien, salzburg, graz, innsbruck
Europe/Warsaw | poland, warszawa, krakow, cracow, gdansk, wroclaw, lodz
Europe/Zagreb | croatia
Europe/Zurich | switzerland, zuerich, geneva, geneve, genf, bern, basel, lausanne
Pacific/Auckland | new zealand, wellington, christchurch
Pacific/Honolulu | hawaii
"""


def zone_of(place: str) -> ZoneInfo | None:
    """The time zone of a city, a country, or a zone's own name, with or without accents."""
    key = _names().get(_plain(place))
    return ZoneInfo(key) if key else None


def alike(place: str) -> str | None:
    """A place that an unknown name may have been meant to be; lower case."""
    name = _plain(place)
    close = difflib.get_close_matches(name, _names(), n=1, cutoff=_CLOSE) if len(name) >= _SHORTEST else []
    return close[0] if close else None


def _plain(name: str) -> str:
    """Lower case, without accents, article and punctuation."""
    letters = unicodedata.normalize("NFKD", name.lower().translate(_LETTERS))
    bare = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return " ".join(bare.replace("'", "").replace(".", "").removeprefix("the ").split())


@cache
def _names() -> dict[str, str]:
    """Our own names, then those of zones and of their cities, from the one file that lists them."""
    names = {
        _plain(name): zone.strip()
        for zone, _, others in (line.partition("|") for line in _ALIASES.strip().splitlines())
        for name in others.split(",")
    }
    for zone in resources.files("tzdata").joinpath("zones").read_text(encoding="ascii").split():
        names.setdefault(_plain(zone.replace("_", " ")), zone)
        if "/" in zone and not zone.startswith(_REGIONS):
            names.setdefault(_plain(zone.rsplit("/", 1)[1].replace("_", " ")), zone)
    return names
