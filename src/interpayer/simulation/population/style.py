"""How the asking plan writes: capitals, accents, abbreviations, telephone formats, cards copied one way or another."""

from random import Random

from interpayer.simulation.population.mixes import Mix
from interpayer.simulation.population.places import KINDS, POINTS
from interpayer.simulation.population.troubles import Asked

_LONG = {short: long for long, short in {**KINDS, **POINTS, "Apartment": "APT"}.items()}
_ACCENTS = str.maketrans("AEIOUN", "ÁÉÍÓÚÑ")
_TELEPHONES = ("{0}{1}{2}", "({0}) {1}-{2}", "{0}-{1}-{2}", "{0}.{1}.{2}", "+1{0}{1}{2}", "1-{0}-{1}-{2}")


def write(asked: Asked, mix: Mix, rolls: Random) -> tuple[str, str]:
    """Puts the facts into one writer's style; gives the ids as they are written."""
    facts = asked.facts
    if facts.address and rolls.random() < 0.5:
        facts.address = " ".join(_word(word, rolls) for word in facts.address.split())
    if len(facts.phone) == 10:
        form = rolls.choice(_TELEPHONES)
        facts.phone = form.format(facts.phone[:3], facts.phone[3:6], facts.phone[6:])
    if facts.zip and rolls.random() < 0.08:
        facts.zip += f"-{rolls.randrange(10000):04d}"
    _name(asked, rolls)
    how = rolls.random()
    if how >= mix.upper:
        case = str.lower if how > 0.97 else str.title
        for name in ("first_name", "middle_name", "last_name", "address", "city"):
            setattr(facts, name, case(getattr(facts, name)))
    return _id(asked.member_id, rolls), _id(asked.subscriber_id, rolls)


def _name(asked: Asked, rolls: Random) -> None:
    facts = asked.facts
    if facts.last_name.endswith(("EZ", "ANO", "UNA", "IA")) and rolls.random() < 0.06:
        at = rolls.randrange(len(facts.last_name))
        facts.last_name = facts.last_name[:at] + facts.last_name[at].translate(_ACCENTS) + facts.last_name[at + 1 :]
    if " " in facts.last_name and rolls.random() < 0.5:
        parts = facts.last_name.split()
        facts.last_name = rolls.choice(("-".join(parts), parts[0], "".join(parts), parts[-1]))
    if facts.suffix and rolls.random() < 0.3:
        facts.last_name, facts.suffix = f"{facts.last_name} {facts.suffix}", ""
    elif facts.suffix and rolls.random() < 0.5:
        second = "II" if facts.suffix == "JR" else "SR"
        facts.suffix = rolls.choice((facts.suffix.title(), f"{facts.suffix.title()}.", second))
    if rolls.random() < 0.01:
        facts.first_name = f"{facts.first_name} {facts.middle_name}".strip()
        facts.middle_name = ""


def _word(word: str, rolls: Random) -> str:
    return _LONG.get(word, word).upper() if rolls.random() < 0.7 else word


def _id(number: str, rolls: Random) -> str:
    how = rolls.random()
    if not number or how < 0.92:
        return number
    if how < 0.94:
        return number.lower()
    if how < 0.96:
        return f"{number[:-2]}-{number[-2:]}"
    if how < 0.98:
        return f" {number[:4]} {number[4:]}"
    return f"{number[:-2]} {number[-2:]}"
