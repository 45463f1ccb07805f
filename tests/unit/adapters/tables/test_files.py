"""A declared source of files with joins: every row is part of a record, refused, or an orphan."""

from pathlib import Path

import pytest

from interpayer.adapters.declaration import parse_declaration
from interpayer.adapters.tables.files import TableFiles, open_table_files
from interpayer.model.reason import Refusal

DECLARED = """
source: claims
kind: tables
where: {path: rows}
entities:
  claim:
    file: "*_CLM.csv"
    key: ID
    join:
      lines:
        file: "*_line.csv"
        by: [ID]
        many: true
        join: {drug: {file: "*_drug.csv", by: {NO: LINE_NO, ID: CLAIM}}}
      dates: {file: "*_dates.csv", by: {DATES: K}, lookup: true}
"""
FILES = {
    "x_clm.csv": "ID,DATES\n1,7\n2,8\n",
    "x_line.csv": "ID,NO\n2,1\n1,1\n1,2\n9,1\n1\n",
    "x_drug.csv": "CLAIM,LINE_NO,NDC\n1,2,aspirin\n2,9,lost\n",
    "x_dates.csv": "K,ON\n7,2024-01-01\n6,2023-01-01\n",
    "readme.md": "no rows",
}


def source(folder: Path, declared: str = DECLARED) -> TableFiles:
    (folder / "rows").mkdir()
    for name, text in FILES.items():
        (folder / "rows" / name).write_text(text)
    return open_table_files(parse_declaration(declared.encode(), folder=folder, file="SOURCE.yaml"))


def test_rows_take_what_belongs_to_them(tmp_path: Path) -> None:
    claims = [one for one in source(tmp_path).read() if one.entity == "claim"]
    assert [one.content for one in claims] == [
        {
            "ID": "1",
            "DATES": "7",
            "lines": [
                {"ID": "1", "NO": "1", "drug": {}},
                {"ID": "1", "NO": "2", "drug": {"CLAIM": "1", "LINE_NO": "2", "NDC": "aspirin"}},
            ],
            "dates": {"K": "7", "ON": "2024-01-01"},
        },
        {"ID": "2", "DATES": "8", "lines": [{"ID": "2", "NO": "1", "drug": {}}], "dates": {}},
    ]
    assert claims[0].raw.split(b"\n") == [b"1,7", b"1,1", b"1,2", b"1,2,aspirin", b"7,2024-01-01"]


def test_what_joins_nothing_is_found_as_such(tmp_path: Path) -> None:
    others = [one for one in source(tmp_path).read() if one.entity != "claim"]
    assert [(one.entity, one.file, one.position, one.problem) for one in others] == [
        ("claim.lines", "x_line.csv", 6, "record.invalid"),
        ("claim.lines", "x_line.csv", 5, "record.unattributed"),
        ("claim.lines.drug", "x_drug.csv", 3, "record.unattributed"),
    ]


def test_files_that_nobody_reads_are_named(tmp_path: Path) -> None:
    opened = source(tmp_path)
    assert opened.passed_over() == ["readme.md"]
    assert len(opened.files()) == 4


def test_tables_name_their_entities(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match=r"request\.malformed"):
        source(tmp_path, "source: x\nkind: tables\nwhere: {path: rows}\n")
