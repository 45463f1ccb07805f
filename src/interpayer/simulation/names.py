"""Names, streets and places that nobody bears: put together from parts, so that no list of real people is copied."""

import hashlib
from dataclasses import dataclass
from random import Random


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_GIVEN_FIRST = _words("Al Be Ca Da El Fi Ga He Il Jo Ka Li Ma Ne Or Pa Ro Sa Ta Vi")
_GIVEN_MIDDLE = _words("ri le mi ne ra sa vi lo")
_GIVEN_LAST = {
    "female": _words("na elle ta sia da ya nis beth"),
    "male": _words("n on ric vin tor dan mer las"),
}
_FAMILY_FIRST = _words(
    "Ash Bram Cal Dun Elm Far Gar Hal Ing Kel Lang Mor Nor Oak Pem Quill Rad Stan Thorn Wes Yar Hol Bex Cray Dal"
)
_FAMILY_LAST = _words("ford well ton ley wick ham by stead more land worth croft ridge mond")
_FAMILY_TAIL = ("", "", "", "er", "s")
_STREET_FIRST = _words("Alder Birch Cedar Dove Elder Fern Glen Heron Iris Juniper Lark Maple")
_STREET_LAST = _words("field wood brook hill gate view bank moor")
STREET_TYPES = {"Street": "ST", "Avenue": "AVE", "Road": "RD", "Lane": "LN", "Drive": "DR", "Court": "CT"}
_CITY_FIRST = _words("Brae Clear East Fair Green High Iron Lake New Pine Stone West")
_CITY_LAST = _words("port ville burg haven dale mont")
_STATES = (("OH", "43"), ("PA", "17"), ("IN", "46"), ("WI", "53"), ("MO", "63"), ("KY", "40"), ("TN", "37"))


@dataclass(frozen=True, slots=True)
class Address:
    """A postal address as its owner would write it."""

    number: int
    street: str
    street_type: str
    unit: str
    city: str
    state: str
    postal_code: str

    @property
    def long_line(self) -> str:
        """The street line in words: `12 Alderfield Street Apt 4`."""
        return f"{self.number} {self.street} {self.street_type}" + (f" Apt {self.unit}" if self.unit else "")


def dice(*path: object) -> Random:
    """A random source that depends on the path only, so that any slice of a world can be made again."""
    # one hash and an integer seed: stable over Python versions and machines
    digest = hashlib.blake2b("/".join(map(str, path)).encode(), digest_size=8).digest()
    return Random(int.from_bytes(digest, "big"))


def given_name(rolls: Random, sex: str) -> tuple[str, str]:
    """A given name and its short form."""
    stem = rolls.choice(_GIVEN_FIRST) + rolls.choice(_GIVEN_MIDDLE)
    return stem + rolls.choice(_GIVEN_LAST[sex]), stem


def family_name(rolls: Random) -> str:
    """A family name; a few are frequent and most are rare, as with real ones."""
    # squaring pulls the draw to the front of the list
    first = _FAMILY_FIRST[int(len(_FAMILY_FIRST) * rolls.random() ** 2)]
    last = _FAMILY_LAST[int(len(_FAMILY_LAST) * rolls.random() ** 2)]
    return first + last + rolls.choice(_FAMILY_TAIL)


def address(rolls: Random) -> Address:
    """An address in an invented town of a real state."""
    state, prefix = rolls.choice(_STATES)
    return Address(
        number=rolls.randrange(1, 4000),
        street=rolls.choice(_STREET_FIRST) + rolls.choice(_STREET_LAST),
        street_type=rolls.choice(list(STREET_TYPES)),
        unit=str(rolls.randrange(1, 60)) if rolls.random() < 0.3 else "",
        city=rolls.choice(_CITY_FIRST) + rolls.choice(_CITY_LAST),
        state=state,
        postal_code=f"{prefix}{rolls.randrange(1000):03d}",
    )


def phone(rolls: Random) -> str:
    """A telephone number in the exchange that is kept for fiction."""
    return f"{rolls.randrange(201, 990)}555{rolls.randrange(10000):04d}"
