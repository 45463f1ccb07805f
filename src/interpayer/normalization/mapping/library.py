"""The mappings of a folder: those that are shipped, and a plan's own beside them, which win by name.

`<family>/<name>.yaml` is a mapping, `tables/<name>.yaml` a code table (with CSV files beside it),
`<family>/<name>.fixtures/<case>/` its examples.
"""

from collections.abc import Mapping as Dictionary
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from interpayer.normalization.mapping.compiler import Compiled, compile_mapping
from interpayer.normalization.mapping.language import CodeTable, Mapping, MappingFault, Problem
from interpayer.normalization.mapping.reading import read_mapping
from interpayer.normalization.mapping.tables import read_table

SHIPPED = Path(__file__).parent.parent / "maps"
TABLES = "tables"


class Library:
    """The mappings of these folders, each read and compiled once, when it is first asked for."""

    def __init__(self, folders: Sequence[Path] = (SHIPPED,)) -> None:
        self._folders = tuple(folders)
        self._compiled: dict[str, Compiled] = {}

    @cached_property
    def tables(self) -> Dictionary[str, CodeTable]:
        """Every code table by its name. Raises MappingFault."""
        found: dict[str, CodeTable] = {}
        for folder in reversed(self._folders):
            rows = {path.name: _text(path) for path in sorted((folder / TABLES).glob("*.csv"))}
            for path in sorted((folder / TABLES).glob("*.yaml")):
                found[path.stem] = read_table(_text(path), name=path.stem, rows=rows)
        return found

    @cached_property
    def files(self) -> Dictionary[str, Path]:
        """The file of each mapping by its name, family/name."""
        found: dict[str, Path] = {}
        for folder in reversed(self._folders):
            for path in sorted(folder.glob("*/*.yaml")):
                if path.parent.name != TABLES:
                    found[f"{path.parent.name}/{path.stem}"] = path
        return dict(sorted(found.items()))

    def mapping(self, name: str) -> Mapping:
        """The mapping of this name. Raises MappingFault, also when there is none."""
        path = self.files.get(name)
        if path is None:
            known = ", ".join(self.files) or "none"
            raise MappingFault(Problem(f"{name}.yaml", 0, "", f"there is no mapping of this name; known: {known}"))
        return read_mapping(_text(path), name=name, tables=self.tables)

    def compiled(self, name: str) -> Compiled:
        """The mapping of this name, ready to run. Raises MappingFault."""
        if name not in self._compiled:
            self._compiled[name] = compile_mapping(self.mapping(name))
        return self._compiled[name]

    def reading(self, entity: str, *, family: str) -> list[Compiled]:
        """The mappings of a family that read this kind of record. Raises MappingFault."""
        names = [name for name in self.files if name.startswith(f"{family}/")]
        return [one for one in map(self.compiled, names) if one.entity == entity]

    def fixtures(self, name: str) -> list[Path]:
        """The folders with examples of this mapping, each with in.json and out.json."""
        path = self.files.get(name)
        folder = path.with_suffix(".fixtures") if path is not None else None
        return sorted(one for one in folder.iterdir() if one.is_dir()) if folder and folder.is_dir() else []


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise MappingFault(Problem(path.name, 0, "", "the file is not UTF-8")) from None
