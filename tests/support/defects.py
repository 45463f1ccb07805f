"""Examples with one defect each, from tests/conformance/seeded_defects.yaml."""

import copy
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

TABLE = Path(__file__).parents[1] / "conformance" / "seeded_defects.yaml"
_PART = re.compile(r"([^.\[]+)|\[(\d+)\]")
Resource = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Defect:
    """One row of the table: the example as it was and as it is now, and where the defect is to be found."""

    name: str
    kind: str
    package: str
    profile: str | None
    sound: Resource
    broken: Resource
    at: str
    hapi: str

    def is_at(self, path: str) -> bool:
        """Whether an issue there tells of this defect: at its place, inside it, or on what holds it."""
        plain, here = _plain(path), _plain(self.at)
        return plain == here or plain.startswith(f"{here}.") or here.startswith(f"{plain}.")


def read_defects(examples: Path) -> tuple[Defect, ...]:
    """Every row, made from the examples below `examples`."""
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    made = []
    for row in table["defects"]:
        base = table["bases"][row["base"]]
        sound = json.loads((examples / base["file"]).read_text(encoding="utf-8"))
        broken = _edited(sound, row["edit"])
        made.append(
            Defect(
                row["name"],
                row["kind"],
                base["package"],
                row.get("profile"),
                sound,
                broken,
                row["at"],
                row.get("hapi", ""),
            )
        )
    return tuple(made)


def _plain(path: str) -> str:
    """A path without positions, casts and the names HAPI puts into comments."""
    return re.sub(r"\[\d+\]|/\*.*?\*/|\.ofType\(\w+\)|\.as\(\w+\)", "", path)


def _edited(sound: Resource, edit: dict[str, Any]) -> Resource:
    broken = copy.deepcopy(sound)
    for path, value in edit.get("set", {}).items():
        _put(broken, path, value)
    for path, value in edit.get("add", {}).items():
        holder, key = _reach(broken, path)
        holder[key].append(value)
    for path in edit.get("remove", ()):
        holder, key = _reach(broken, path)
        del holder[key]
    return broken


def _put(broken: Resource, path: str, value: Any) -> None:
    holder, key = _reach(broken, path)
    if value is None:
        del holder[key]
    else:
        holder[key] = value


def _reach(node: Any, path: str) -> tuple[Any, Any]:
    """What holds the last step of a path, and that step."""
    steps = [name or int(position) for name, position in _PART.findall(path)]
    for step in steps[:-1]:
        node = node[step]
    return node, steps[-1]
