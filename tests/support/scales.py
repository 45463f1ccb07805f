"""Scales for tests: the model and limits that ship, and a small plan's idea of how common names are."""

from interpayer.identity.disposition import Known, Outcome, Scales, decide
from interpayer.identity.resolve import default_rules
from interpayer.identity.scoring.model import default_model
from interpayer.identity.scoring.thresholds import default_thresholds
from interpayer.identity.scoring.weigh import FrequencyTable
from interpayer.identity.standardize import standardize
from interpayer.model.member import Coverage, Demographics
from tests.support.people import PAYER

PEOPLE = 100_000
GIVEN = {"MARY": 0.02, "JAMES": 0.03, "JOHN": 0.03, "ROBERT": 0.03, "WILLIAM": 0.02, "SUSAN": 0.008, "ELIZABETH": 0.008,
         "BETTY": 0.006, "CHRISTINA": 0.002, "CHRISTINE": 0.003, "KAREN": 0.006, "JOAN": 0.003}  # fmt: skip
FAMILY = {"SMITH": 0.009, "HORTON": 0.0002, "GARCIA": 0.004}
FREQUENCIES = FrequencyTable(
    {**{("given", n): s for n, s in GIVEN.items()}, **{("family", n): s for n, s in FAMILY.items()}},
    {"given": 2 / PEOPLE, "family": 2 / PEOPLE},
    PEOPLE,
)


def scales(purpose: str = "linking") -> Scales:
    """The default model and limits for one purpose."""
    return Scales(default_model(), default_thresholds().for_(None, purpose), FREQUENCIES)


def held(person: Demographics, card: Coverage | None = None, *, member: str = "m-1", person_id: str = "") -> Known:
    """A member as the index holds one."""
    return Known(member, person_id or member, standardize(person, [card] if card else [], payer=PAYER))


def decided(person: Demographics, card: Coverage | None, members: list[Known], *, purpose: str = "linking") -> Outcome:
    """What becomes of a query against these members."""
    asked = standardize(person, [card] if card else [], payer=PAYER)
    return decide(asked, members, default_rules(), card=card, scales=scales(purpose))
