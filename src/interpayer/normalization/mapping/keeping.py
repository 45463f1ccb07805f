"""A version of a mapping as one text, with the tables it names: what is kept beside the records that it made."""

import orjson

from interpayer.normalization.mapping.compiler import Compiled, compile_mapping
from interpayer.normalization.mapping.language import CodeTable, MappingFault, Problem
from interpayer.normalization.mapping.reading import read_mapping


def kept_form(compiled: Compiled) -> str:
    """The mapping and its tables, to be read again by `from_kept_form`."""
    mapping = compiled.mapping
    tables = [
        {
            "name": one.name,
            "rows": dict(one.rows),
            "system": one.system,
            "original": one.original,
            "default": one.default,
            "unmapped": one.unmapped,
        }
        for one in mapping.tables.values()
    ]
    return orjson.dumps({"version": compiled.version, "text": mapping.text, "tables": tables}).decode()


def from_kept_form(form: str) -> Compiled:
    """The mapping of that version. Raises MappingFault when this program understands it as another one."""
    kept = orjson.loads(form)
    tables = {}
    for one in kept["tables"]:
        rows = {code: (str(row[0]), str(row[1])) for code, row in one.pop("rows").items()}
        tables[one["name"]] = CodeTable(rows=rows, **one)
    version = str(kept["version"])
    name = version.rpartition("@")[0]
    compiled = compile_mapping(read_mapping(kept["text"], name=name, tables=tables))
    if compiled.version != version:
        text = f"{version} was written for another version of the mapping language"
        raise MappingFault(Problem(f"{name}.yaml", 0, "", text))
    return compiled
