"""Conversion of units, exact where the units are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Final

from realtime.agents.arithmetic import evaluate
from realtime.agents.durations import plain
from realtime.agents.numerals import spoken


@dataclass(frozen=True, slots=True)
class Unit:
    """``factor`` and ``offset`` lead to the quantity's own unit: value * factor + offset."""

    quantity: str
    plural: str
    factor: Fraction
    offset: Fraction = Fraction(0)
    singular: str = ""

    def named(self, value: Fraction) -> str:
        """The name that fits the number."""
        return self.singular if value == 1 and self.singular else self.plural


_TABLE: Final = """
length | 1 | metre metres | m meter meters
length | 1000 | kilometre kilometres | km kilometer kilometers kms
length | 1/100 | centimetre centimetres | cm centimeter centimeters
length | 1/1000 | millimetre millimetres | mm millimeter millimeters
length | 0.3048 | foot feet | ft
length | 0.0254 | inch inches | in.
length | 0.9144 | yard yards | yd yds
length | 1609.344 | mile miles | mi
length | 1852 | nautical_mile nautical_miles | nm nmi
mass | 1 | kilogram kilograms | kg kgs kilo kilos kilogramme kilogrammes
mass | 1/1000 | gram grams | g gramme grammes
mass | 1/1000000 | milligram milligrams | mg
mass | 1000 | tonne tonnes | t metric_ton metric_tons
mass | 0.45359237 | pound pounds | lb lbs
mass | 0.028349523125 | ounce ounces | oz
mass | 6.35029318 | stone stone | stones st
mass | 907.18474 | ton tons | short_ton short_tons us_ton us_tons
volume | 1 | litre litres | l liter liters
volume | 1/1000 | millilitre millilitres | ml milliliter milliliters
volume | 1/100 | centilitre centilitres | cl centiliter centiliters
volume | 1/10 | decilitre decilitres | dl deciliter deciliters
volume | 1000 | cubic_metre cubic_metres | cubic_meter cubic_meters
volume | 3.785411784 | gallon gallons | gal us_gallon us_gallons
volume | 4.54609 | imperial_gallon imperial_gallons | uk_gallon uk_gallons
volume | 0.946352946 | quart quarts | qt
volume | 0.473176473 | pint pints | pt
volume | 0.56826125 | imperial_pint imperial_pints | uk_pint uk_pints
volume | 0.2365882365 | cup cups |
volume | 0.0295735295625 | fluid_ounce fluid_ounces | fl_oz
volume | 0.01478676478125 | tablespoon tablespoons | tbsp
volume | 0.00492892159375 | teaspoon teaspoons | tsp
time | 1 | second seconds | s sec secs
time | 1/1000 | millisecond milliseconds | ms
time | 60 | minute minutes | min mins
time | 3600 | hour hours | h hr hrs
time | 86400 | day days |
time | 604800 | week weeks |
time | 1209600 | fortnight fortnights |
time | 31557600 | year years |
speed | 1 | metre_per_second metres_per_second | m/s meter_per_second meters_per_second
speed | 5/18 | kilometre_per_hour kilometres_per_hour | km/h kph kmh kilometer_per_hour kilometers_per_hour
speed | 0.44704 | mile_per_hour miles_per_hour | mph
speed | 463/900 | knot knots | kn kt
speed | 0.3048 | foot_per_second feet_per_second | ft/s
data | 1 | byte bytes | b
data | 1/8 | bit bits |
data | 1000 | kilobyte kilobytes | kb
data | 1000000 | megabyte megabytes | mb
data | 1000000000 | gigabyte gigabytes | gb gig gigs
data | 1000000000000 | terabyte terabytes | tb
data | 1000000000000000 | petabyte petabytes | pb
data | 125000 | megabit megabits | mbit mbits
data | 125000000 | gigabit gigabits | gbit gbits
data | 1024 | kibibyte kibibytes | kib
data | 1048576 | mebibyte mebibytes | mib
data | 1073741824 | gibibyte gibibytes | gib
area | 1 | square_metre square_metres | m2 square_meter square_meters
area | 1000000 | square_kilometre square_kilometres | km2 square_kilometer square_kilometers
area | 10000 | hectare hectares | ha
area | 4046.8564224 | acre acres |
area | 0.09290304 | square_foot square_feet | sq_ft
"""
_TEMPERATURES: Final = (
    ("degrees Celsius", "celsius centigrade c °c", Fraction(1), Fraction("273.15")),
    ("degrees Fahrenheit", "fahrenheit f °f", Fraction(5, 9), Fraction("459.67") * 5 / 9),
    ("kelvin", "kelvin kelvins k", Fraction(1), Fraction(0)),
)
_CONVERSION: Final = re.compile(
    r"^(?:convert |what(?:'s| is| are) |how (?:much|far|long|tall|high|big|heavy|hot|cold|fast) (?:is|are) )?"
    r"(.+?) (?:converted )?(?:to|in|into|as|equals? how many|is how many) (.+)$"
)
_COUNT: Final = re.compile(
    r"^how many (.+?) (?:are there (?:in|to)|is there in|are in|are|is|fit in(?:to)?|make(?: up)?|equals?|in|to|do) "
    r"(.+?)(?: have| make)?$"
)
_NO_TARGET: Final = re.compile(r"^convert (.+)$")
_TO_MISHEARD: Final = re.compile(r"^(convert .*[a-z]|what(?:'s| is| are) .*[a-z]) (?:in )?2 ([a-z ]+)$")
_IN_MISHEARD: Final = re.compile(r"^(.*\d.*[a-z]) and ([a-z ]+)$")
_FEET_AND_INCHES: Final = re.compile(r"\b(\d+) ?' ?(\d+)(?: ?(?:\"|''|inch(?:es)?))?")
_FOLLOWING: Final = {"feet": "inches", "stone": "pounds", "pounds": "ounces", "hours": "minutes", "minutes": "seconds"}
"""What a bare number after a unit counts: "5 foot 11"."""
_PART: Final = re.compile(r"(\d[\d.,]*)\s*([^\d]*)")


def answer(wish: str) -> str | None:
    """An answer in a sentence; None when ``wish`` (lower case) asks for no conversion of units."""
    wish = _FEET_AND_INCHES.sub(r"\1 feet \2 inches", plain(wish))
    if match := _TO_MISHEARD.match(wish):
        wish = f"{match[1]} to {match[2]}"
    elif (match := _IN_MISHEARD.match(wish)) and unit_of(match[2]):
        wish = f"{match[1]} in {match[2]}"
    if match := _COUNT.match(wish):
        target, source = match[1], match[2]
    elif match := _CONVERSION.match(wish):
        source, target = match[1], match[2]
    else:
        match = _NO_TARGET.match(wish)
        measured = _measured(match[1]) if match else None
        return f"Into which unit shall I convert {measured.said}?" if measured else None
    measured, unit = _measured(source), unit_of(target)
    if measured is None and unit is not None and wish.startswith("how many"):
        return "I did not get what to convert. Please say it again."
    return _converted(measured, unit) if measured and unit else None


def unit_of(name: str) -> Unit | None:
    """The unit of that name, abbreviation or plural."""
    return _units().get(name.strip(" .").removeprefix("degrees ").removeprefix("degree ").replace(" ", "_"))


@dataclass(frozen=True, slots=True)
class Measured:
    """A quantity, and how it was put: "5 feet 11 inches"."""

    value: Fraction
    unit: Unit
    said: str


def _converted(measured: Measured, target: Unit) -> str:
    source, value = measured.unit, measured.value
    if source.quantity != target.quantity:
        return f"{_capital(source.plural)} measure {source.quantity}, but {target.plural} measure {target.quantity}."
    absolute = value * source.factor + source.offset
    if source.quantity == "temperature" and absolute < 0:
        return "Nothing is colder than absolute zero."
    result = (absolute - target.offset) / target.factor
    verb, places = ("is" if value == 1 else "are"), (2 if abs(result) >= 1 else 4)
    return f"{_capital(measured.said)} {verb} {spoken(result, places)} {target.named(result)}."


def _measured(text: str) -> Measured | None:
    """A number and its unit: "5 miles", "5km", "a mile", "2 + 3 feet"; or several that make one quantity."""
    match = re.match(
        r"^(?:(?P<article>an?|1|one|the) |(?P<number>-?[\d.,/ +*-]*\d|minus [\d.,]+|half an?)\s*)(?P<unit>[^\d].*)$",
        text,
    )
    unit = unit_of(match["unit"]) if match else None
    if match is None or unit is None:
        return _compound(text)
    value = Fraction(1) if match["article"] else _value(match["number"])
    return None if value is None else Measured(value, unit, f"{spoken(value)} {unit.named(value)}")


def _compound(text: str) -> Measured | None:
    """ "5 feet 11 inches", "5 foot 11", "2 hours and 15 minutes": units of one quantity, each smaller than the last."""
    text = re.sub(r"^(?:an?|1) (?=[a-z])", "1 ", text)
    total, units, said = Fraction(0), list[Unit](), list[str]()
    if not re.match(r"\d", text):
        return None
    for number, name in _PART.findall(text):
        name = name.strip(" ,").removesuffix(" and").removesuffix(",") or (
            _FOLLOWING.get(units[-1].plural, "") if units else ""
        )
        unit, value = unit_of(name), _value(number.rstrip(".,"))
        if unit is None or value is None or unit.offset:
            return None
        if units and (unit.quantity != units[-1].quantity or unit.factor >= units[-1].factor):
            return None
        total += value * unit.factor
        units.append(unit)
        said.append(f"{spoken(value)} {unit.named(value)}")
    return Measured(total / units[0].factor, units[0], " ".join(said)) if len(units) > 1 else None


def _value(number: str) -> Fraction | None:
    if number.startswith("half"):
        return Fraction(1, 2)
    try:
        return evaluate(f"{number} + 0")
    except ValueError:
        return None


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


@cache
def _units() -> dict[str, Unit]:
    units: dict[str, Unit] = {}
    for line in _TABLE.strip().splitlines():
        quantity, factor, names, others = (part.strip() for part in line.split("|"))
        singular, plural = (name.replace("_", " ") for name in names.split())
        unit = Unit(quantity, plural, Fraction(factor), singular=singular)
        units |= dict.fromkeys([*names.split(), *others.split()], unit)
    for name, words, scale, offset in _TEMPERATURES:
        unit = Unit("temperature", name, scale, offset, name.replace("degrees", "degree"))
        units |= dict.fromkeys(words.split(), unit)
    return units
