"""What a permission leaves out, as columns say it: which records of members under the same limits stay here, and why.

1. What carries a withheld label, and whatever refers to it, directly or through others: a visit for it, a claim that
   names it, an order that treats it. A Provenance only loses its target; who merely is referred to goes.
2. What is of a type, or of a day, that may not go; and kinds that a policy said no to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from interpayer.model.consent import Limits
from interpayer.model.sensitivity import EVERY_LABEL, OF_ANY_KIND, Category, is_withheld
from interpayer.system.database import Connection

LABEL, TYPE, PERIOD = "record.withheld_label", "record.withheld_type", "record.withheld_period"
# Who it is about and whence it came: an allow-list of types does not mean these.
ALWAYS = ("Patient", "Provenance")

_KEPT_BACK = b"""
with recursive mine as materialized (
    select r.id, r.member_id, r.type, r.refs, r.labels, r.service_from, r.service_to,
        records.goes(r, %(as_of)s, %(service_from)s) and records.asked(r, %(types)s, %(since)s, %(until)s) as counts
    from records.record r where r.member_id = any(%(member_ids)s::text[])
), edge as materialized (
    select m.id, ref.id as target from mine m cross join unnest(m.refs) as ref(id) where m.type <> 'Provenance'
), shared as materialized (
    -- places and people that belong to nobody: directly, and what they belong to
    select s.id, s.refs, s.labels from records.record s
    where s.member_id is null and s.id in (select target from edge)
), further as materialized (
    select s.id, ref.id as target from shared s cross join unnest(s.refs) as ref(id)
), seed(id, labels) as (
    select id, labels from mine where labels <> '{}'
    union all select id, labels from shared where labels <> '{}'
    union all select f.id, r.labels from further f join records.record r on r.id = f.target
        where r.member_id is null and r.labels <> '{}'
), labeled(id) as (
    select id from seed where %(every)s or labels && %(labels)s::text[]
    union
    select e.id from labeled l join edge e on e.target = l.id
)
select m.id, m.member_id, m.counts, case
        when l.id is not null then 'record.withheld_label'
        when m.type = any(%(types_withheld)s::text[])
            or (not m.type = any(%(always)s::text[]) and not m.type = any(%(types_allowed)s::text[]))
            then 'record.withheld_type'
        when m.service_to < %(first)s or m.service_from > %(last)s then 'record.withheld_period'
        when m.type || '|' || array_to_string(m.labels, ',') = any(%(refused)s::text[]) then 'policy.denied'
    end as reason
from mine m left join labeled l on l.id = m.id
where l.id is not null or m.type = any(%(types_withheld)s::text[])
    or (not m.type = any(%(always)s::text[]) and not m.type = any(%(types_allowed)s::text[]))
    or m.service_to < %(first)s or m.service_from > %(last)s
    or m.type || '|' || array_to_string(m.labels, ',') = any(%(refused)s::text[])
"""
_KINDS = b"""
select distinct r.type, '{}'::text[] as labels from records.record r where r.member_id = any(%(member_ids)s::text[])
union
select r.type, r.labels from records.record r
where r.member_id = any(%(member_ids)s::text[]) and r.labels <> '{}' and records.goes(r, %(as_of)s, %(service_from)s)
"""
_UNLABELED = b"""
select distinct member_id from records.record
where member_id = any(%(member_ids)s::text[]) and pack_id is not null and labels_version is distinct from %(version)s
"""
_NOTICED = b"""
select distinct r.member_id from records.record r
where r.member_id = any(%(member_ids)s::text[]) and r.labels <> '{}' and r.labels && %(notice)s::text[]
    and records.goes(r, %(as_of)s, %(service_from)s) and records.asked(r, %(types)s, %(since)s, %(until)s)
    and not r.id = any(%(kept_back)s::text[])
"""


@dataclass(frozen=True, slots=True)
class KeptBack:
    """A record that stays: whose it is, why, and whether it would have gone and was asked for."""

    id: str
    member_id: str
    reason: str
    counts: bool


def kept_back(
    conn: Connection, parameters: Mapping[str, Any], limits: Limits, *, refused: frozenset[str] = frozenset()
) -> list[KeptBack]:
    """The records of these members (all under these limits) that stay here. ``refused``: see ``kind_key``."""
    if limits.is_open and not refused:
        return []
    wanted = {
        **parameters,
        "every": EVERY_LABEL in limits.labels_withheld,
        "labels": sorted(_meant(limits)),
        "types_withheld": sorted(limits.types_withheld),
        "always": list(ALWAYS),
        "types_allowed": sorted(limits.types) if limits.types is not None else None,
        "first": limits.since,
        "last": limits.until,
        "refused": sorted(refused),
    }
    return [KeptBack(r["id"], r["member_id"], r["reason"], r["counts"]) for r in conn.execute(_KEPT_BACK, wanted)]


def kind_key(type_: str, labels: frozenset[str]) -> str:
    """A kind of record, of which an export of thousands has a few, as one text."""
    return f"{type_}|{','.join(sorted(labels))}"


def kinds(conn: Connection, parameters: Mapping[str, Any]) -> set[tuple[str, frozenset[str]]]:
    """The distinct (type, labels) among what these members hold and may go by its columns."""
    return {(row["type"], frozenset(row["labels"])) for row in conn.execute(_KINDS, parameters)}


def members_unlabeled(conn: Connection, member_ids: list[str], version: str) -> set[str]:
    """Members of whom a record that could go was not looked at under this version of the value sets."""
    rows = conn.execute(_UNLABELED, {"member_ids": member_ids, "version": version})
    return {row["member_id"] for row in rows}


def noticed(
    conn: Connection, parameters: Mapping[str, Any], labels: frozenset[str], kept: frozenset[str]
) -> frozenset[str]:
    """Members of whom a record with one of these labels goes."""
    wanted = {**parameters, "notice": sorted(labels), "kept_back": sorted(kept)}
    return frozenset(row["member_id"] for row in conn.execute(_NOTICED, wanted))


def may_go(limits: Limits, row: Mapping[str, Any]) -> bool:
    """Whether a record with these columns could have gone by itself; what it refers to is not looked at."""
    is_asked = (row["type"] in ALWAYS and row["type"] not in limits.types_withheld) or limits.allows_type(row["type"])
    is_early = bool(limits.since and row["service_to"] and row["service_to"] < limits.since)
    is_late = bool(limits.until and row["service_from"] and row["service_from"] > limits.until)
    return is_asked and not (is_early or is_late) and not is_withheld(row["labels"], limits.labels_withheld)


def _meant(limits: Limits) -> frozenset[str]:
    """As ``model.sensitivity.is_withheld``: what may be of any kind stays whenever a kind of care stays."""
    kinds_withheld = limits.labels_withheld - {Category.MINOR_OWN.value}
    return limits.labels_withheld | OF_ANY_KIND if kinds_withheld else limits.labels_withheld
