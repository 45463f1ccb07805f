"""Code tables: what the codes of a source mean in FHIR, and what becomes of a code that a table does not hold."""

import csv
import io
from collections.abc import Mapping as Dictionary

from yaml.nodes import MappingNode, Node, ScalarNode

from interpayer.normalization.mapping.language import CodeTable
from interpayer.normalization.mapping.yaml_text import Text

_KEYS = frozenset({"about", "source", "system", "original", "codes", "default", "unmapped", "expects"})
_UNMAPPED = ("keep", "omit")
_COLUMNS = {"from", "code"}


def read_table(text: str, *, name: str, rows: Dictionary[str, str] | None = None) -> CodeTable:
    """The table of one file; `rows` holds the texts of CSV files that it may name. Raises MappingFault."""
    reader = Text(f"tables/{name}.yaml")
    table = table_of(reader, reader.compose(text), name=name, rows=rows or {})
    reader.fail_if_wrong()
    return table


def table_of(text: Text, node: Node, *, name: str, rows: Dictionary[str, str]) -> CodeTable:
    """The table that a node describes; what is wrong is noted in `text`."""
    members = text.members(node, path=name)
    for key, (at, _) in members.items():
        if key not in _KEYS:
            text.wrong(at, f"`{key}` is unknown here; known are {', '.join(sorted(_KEYS))}", path=name)
    one = {
        key: text.text(members[key][1], path=name)
        for key in ("system", "original", "default", "unmapped")
        if key in members
    }
    table = CodeTable(
        name=name,
        rows=_rows(text, members["codes"][1], name, rows) if "codes" in members else {},
        system=one.get("system", ""),
        original=one.get("original", ""),
        default=one.get("default"),
        unmapped=one.get("unmapped", ""),
        expects=text.texts(members["expects"][1], path=name) if "expects" in members else (),
    )
    _check(text, node, table)
    return table


def _check(text: Text, node: Node, table: CodeTable) -> None:
    if not table.rows:
        text.wrong(node, "`codes` is missing or empty", path=table.name)
    if (table.default is None) == (table.unmapped == ""):
        text.wrong(node, "say what becomes of other codes: `default: CODE`, or `unmapped: keep|omit`", path=table.name)
    if table.unmapped and table.unmapped not in _UNMAPPED:
        text.wrong(node, "`unmapped` is `keep` or `omit`", path=table.name)
    if table.system and table.unmapped == "keep" and not table.original:
        text.wrong(node, "to keep original codings, name their system: `original: URL`", path=table.name)
    missing = [code for code in table.expects if code not in table.rows]
    if missing:
        text.wrong(node, f"these expected codes have no row: {', '.join(missing)}", path=table.name)


def _rows(text: Text, node: Node, name: str, rows: Dictionary[str, str]) -> dict[str, tuple[str, str]]:
    if isinstance(node, ScalarNode):
        return _csv_rows(text, node, name, rows)
    return {code: _row(text, value, name) for code, (_, value) in text.members(node, path=name).items()}


def _row(text: Text, node: Node, name: str) -> tuple[str, str]:
    if isinstance(node, ScalarNode):
        return str(node.value), ""
    if not isinstance(node, MappingNode):
        text.wrong(node, "a row is a code, or {code, display}", path=name)
        return "", ""
    members = text.members(node, path=name)
    if not {"code"} <= members.keys() <= {"code", "display"}:
        text.wrong(node, "a row is a code, or {code, display}", path=name)
        return "", ""
    display = text.text(members["display"][1], path=name) if "display" in members else ""
    return text.text(members["code"][1], path=name), display


def _csv_rows(text: Text, node: ScalarNode, name: str, rows: Dictionary[str, str]) -> dict[str, tuple[str, str]]:
    if node.value not in rows:
        text.wrong(node, f"the file {node.value} is not beside the table", path=name)
        return {}
    reader = csv.DictReader(io.StringIO(rows[node.value]))
    if not set(reader.fieldnames or ()) >= _COLUMNS:
        text.wrong(node, f"{node.value} needs the columns from, code and may have display", path=name)
        return {}
    found: dict[str, tuple[str, str]] = {}
    for row in reader:
        if row["from"] in found:
            text.wrong(node, f"{node.value} line {reader.line_num}: this code stands twice", path=name)
        found[row["from"]] = (row["code"], row.get("display") or "")
    return found
