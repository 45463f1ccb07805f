"""A declaration is taken as it is written, or refused with its place; a secret in it is refused."""

from datetime import timedelta
from pathlib import Path

import pytest

from interpayer.adapters.declaration import Declaration, parse_declaration, read_declaration
from interpayer.model.reason import Refusal

WHOLE = """
source: claims-warehouse
kind: tables
where: {path: claims, pattern: "*.txt"}
essential: true
role: claims
entities:
  carrier: {mapping: rif/carrier, file: "*bcarrier*", delimiter: "|", group_by: CLM_ID}
  pde: rif/pde
  history: {out_of_scope: older rows, role: enrollment}
members: {system: "https://plan.example/bene"}
types: [ExplanationOfBenefit]
maps: maps
time_zone: America/New_York
as_of: file
fresh_within: 12h
limits: {per_second: 5, at_once: 3, budget_s: 1.5}
"""


def declared(text: str) -> Declaration:
    return parse_declaration(text.encode(), folder=Path("/there"), file="S.yaml")


def test_a_whole_declaration(tmp_path: Path) -> None:
    (tmp_path / "S.yaml").write_text(WHOLE)
    found = read_declaration(tmp_path / "S.yaml")
    assert (found.name, found.kind, found.essential, found.is_live) == ("claims-warehouse", "tables", True, False)
    assert found.path == tmp_path / "claims"
    assert found.entities["carrier"].mappings == ("rif/carrier",)
    assert found.entities["carrier"].options == {"file": "*bcarrier*", "delimiter": "|", "group_by": "CLM_ID"}
    assert found.entities["pde"].mappings == ("rif/pde",)
    assert found.entities["history"].out_of_scope == "older rows"
    assert [found.role_of(name) for name in ("carrier", "history", "unknown")] == ["claims", "enrollment", "claims"]
    assert found.fresh_within == timedelta(hours=12)
    assert (found.limits.per_second, found.limits.at_once, found.limits.budget_s) == (5, 3, 1.5)
    assert found.maps == tmp_path / "maps"
    assert found.version == read_declaration(tmp_path / "S.yaml").version


def test_the_least() -> None:
    found = declared("source: a\nkind: x12\nwhere: {path: x}")
    assert (found.essential, found.members.system, found.types, found.limits.at_once) == (False, "", (), 2)
    assert [found.role_of(entity) for entity in ("x12.834", "x12.837P")] == ["enrollment", "claims"]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[1]", "must hold keys"),
        ("source: [", "no YAML at line"),
        ("source: a\nsource: b", "`source` stands twice"),
        ("source: a\nkind: fax\nwhere: {path: x}", "`kind`"),
        ("source: A b\nkind: x12\nwhere: {path: x}", "`source`"),
        ("kind: x12\nwhere: {path: x}", "`source`"),
        ("source: a\nkind: x12\nwhere: {url: 'https://x'}", "`where`"),
        ("source: a\nkind: fhir_server\nwhere: {url: 'http://x'}", "`where.url`"),
        ("source: a\nkind: tables\nwhere: {path: x, database: 'env:X'}", "`where`"),
        ("source: a\nkind: x12\nwhere: {path: x}\nessential: 1", "`essential`"),
        ("source: a\nkind: x12\nwhere: {path: x, folder: y}", "`folder` is unknown"),
        ("source: a\nkind: x12\nwhere: {path: 3}", "`where.path`"),
        ("source: a\nkind: fhir_server\nwhere: {url: 'https://x', by: fax}", "`where.by`"),
        ("source: a\nkind: fhir_server\nwhere: {url: 'https://x', scopes: all}", "`where.scopes`"),
        ("source: a\nkind: x12\nwhere: {path: x}\ntime_zone: Mars/North", "`time_zone`"),
        ("source: a\nkind: x12\nwhere: {path: x}\nas_of: yesterday", "`as_of`"),
        ("{[a]: b}", "is no YAML"),
        ("source: a\nkind: x12\nwhere: {path: x}\nfresh: 1d", "`fresh` is unknown"),
        ("source: a\nkind: x12\nwhere: {path: x}\nfresh_within: soon", "`fresh_within`"),
        ("source: a\nkind: x12\nwhere: {path: x}\nlimits: {at_once: 0}", "`limits.at_once`"),
        ("source: a\nkind: x12\nwhere: {path: x}\nentities: {e: 3}", "`entities.e`"),
        ("source: a\nkind: x12\nwhere: {path: x}\nentities: {e: {mapping: m, out_of_scope: r}}", "`entities.e`"),
        ("source: a\nkind: x12\nwhere: {path: x}\nentities: {e: {role: king}}", "`entities.e.role`"),
        ("source: a\nkind: x12\nwhere: {path: x}\ntypes: [claim]", "`types`"),
    ],
)
def test_what_is_wrong_is_named(text: str, place: str) -> None:
    with pytest.raises(Refusal) as refused:
        declared(text)
    assert refused.value.reason == "request.malformed"
    assert place in refused.value.detail
    assert refused.value.detail.startswith("S.yaml")


@pytest.mark.parametrize(
    "where", ["database: postgresql://u:hush@h/d", "path: x, password: hush", "path: x, auth: {token: hush}"]
)
def test_a_secret_may_not_stand_in_the_file(where: str) -> None:
    with pytest.raises(Refusal) as refused:
        declared(f"source: a\nkind: tables\nwhere: {{{where}}}")
    assert "env:NAME" in refused.value.detail
    assert "hush" not in refused.value.detail
    assert declared("source: a\nkind: tables\nwhere: {database: 'env:WAREHOUSE'}").is_live


@pytest.mark.parametrize("raw", [b"\xff\xfe\x00", "source: \u00e4".encode("latin-1"), b"\x00", b""])
def test_bytes_that_are_no_declaration(raw: bytes) -> None:
    with pytest.raises(Refusal):
        parse_declaration(raw, folder=Path("/there"), file="S.yaml")
