"""Small histories of people for the stories: a few records each, with a day of service, references and money."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from interpayer.system.clock import now

MB = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0203", "code": "MB"}]}
ADJUDICATION = "http://terminology.hl7.org/CodeSystem/adjudication"
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Human:
    """Somebody whom several plans know."""

    family: str
    given: str
    born: str
    sex: str = "female"

    def row(self, member_id: str, **columns: str) -> dict[str, str]:
        """The person's line in a plan's enrollment feed."""
        return {
            "member_id": member_id,
            "family": self.family,
            "given": self.given,
            "birth_date": self.born,
            "sex": self.sex,
            **columns,
        }

    def asked(self, cards: Mapping[str, str]) -> Resource:
        """The person as `POST /exchanges` describes somebody, with these cards: member number by who issued it."""
        return {
            "names": [{"family": self.family, "given": [self.given]}],
            "birth_date": self.born,
            "sex": self.sex,
            "external_identifiers": [{"type": "member_id", "value": n, "issuer": i} for i, n in cards.items()],
        }


def history(human: Human, member_id: str, *, visits: int = 2, prefix: str = "") -> list[Resource]:
    """A Patient with so many visits: each an Encounter, a Condition and a claim with an amount."""
    key = f"{prefix}{member_id}"
    patient = {
        "resourceType": "Patient",
        "id": key,
        "identifier": [{"type": MB, "value": member_id}],
        "name": [{"family": human.family, "given": [human.given]}],
        "gender": human.sex,
        "birthDate": human.born,
    }
    return [patient, *(r for number in range(visits) for r in _visit(key, number))]


def write_history(folder: Path, resources: Sequence[Resource]) -> Path:
    """A folder with these resources as NDJSON, one file per type, ready for `load fhir`."""
    folder.mkdir(parents=True, exist_ok=True)
    for kind in {r["resourceType"] for r in resources}:
        lines = [json.dumps(r) for r in resources if r["resourceType"] == kind]
        (folder / f"{kind}.ndjson").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return folder


def _visit(key: str, number: int) -> list[Resource]:
    day = (now().date() - timedelta(days=30 + 7 * number)).isoformat()
    owner = {"reference": f"Patient/{key}"}
    encounter = f"{key}-encounter-{number}"
    return [
        {
            "resourceType": "Encounter",
            "id": encounter,
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": owner,
            "period": {"start": day, "end": day},
        },
        {
            "resourceType": "Condition",
            "id": f"{key}-condition-{number}",
            "subject": owner,
            "encounter": {"reference": f"Encounter/{encounter}"},
            "recordedDate": day,
            "code": {"text": f"finding {number}"},
        },
        {
            "resourceType": "ExplanationOfBenefit",
            "id": f"{key}-claim-{number}",
            "status": "active",
            "type": {"coding": [{"code": "professional"}]},
            "use": "claim",
            "patient": owner,
            "created": day,
            "billablePeriod": {"start": day, "end": day},
            "insurer": {"display": "the plan"},
            "provider": {"display": "a provider"},
            "outcome": "complete",
            "insurance": [{"focal": True, "coverage": {"display": "a coverage"}}],
            "item": [
                {
                    "sequence": 1,
                    "productOrService": {"text": "a visit"},
                    "quantity": {"value": 1.50},
                    "encounter": [{"reference": f"Encounter/{encounter}"}],
                    "adjudication": [
                        {
                            "category": {"coding": [{"system": ADJUDICATION, "code": "submitted"}]},
                            "amount": {"value": 72.50, "currency": "USD"},
                        }
                    ],
                }
            ],
            "total": [{"category": {"text": "all"}, "amount": {"value": 72.50, "currency": "USD"}}],
        },
    ]
