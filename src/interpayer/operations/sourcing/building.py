"""From a declaration to what reads and refines it."""

from dataclasses import dataclass

from interpayer.adapters.base import Source
from interpayer.adapters.catalog import FileSource, open_source
from interpayer.adapters.declaration import Declaration
from interpayer.exchange.sources.checking import built_in
from interpayer.exchange.sources.refining import Refinery


@dataclass(frozen=True, slots=True)
class Opened:
    """A declared source, ready to be read, and the refinery for its records."""

    source: Source
    refinery: Refinery

    @property
    def passed_over(self) -> tuple[str, ...]:
        """The files beside the source's own that are not read."""
        return tuple(self.source.passed_over()) if isinstance(self.source, FileSource) else ()


def open_declared(declaration: Declaration) -> Opened:
    """The source of this declaration with its mappings and its check."""
    return Opened(open_source(declaration), Refinery(declaration, {}, built_in))
