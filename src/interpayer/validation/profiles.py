"""The profiles of a folder of FHIR packages: what they ask of each element, and whether a resource meets them."""

from interpayer.validation.elements import Definitions
from interpayer.validation.packages import Library
from interpayer.validation.table import ElementTable


class Profiles:
    """Every profile of a library; each is compiled when it is first needed, and once."""

    def __init__(self, library: Library) -> None:
        """Needs R4 itself among the packages; raises LookupError without."""
        self.definitions = Definitions(library)
        self._tables: dict[str, ElementTable] = {}

    def element_table(self, profile_url: str) -> ElementTable:
        """What a profile (canonical) or a type of R4 (`Patient`) asks of each element; LookupError when unknown."""
        if profile_url not in self._tables:
            found = self.definitions.find(profile_url, self.definitions.core)
            root = self.definitions.type_root(profile_url) if found is None else self.definitions.tree(found)
            if root is None:
                raise LookupError(f"{profile_url} is not among the packages")
            self._tables[profile_url] = ElementTable(self.definitions, root)
        return self._tables[profile_url]
