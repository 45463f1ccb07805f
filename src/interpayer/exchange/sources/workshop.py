"""What it takes to read sources, kept between questions: opened live sources, compiled mappings, compiled profiles."""

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx2

from interpayer.adapters.base import LiveSource, Source
from interpayer.adapters.catalog import Means, open_live, open_source
from interpayer.adapters.declaration import Declaration
from interpayer.exchange.sources.checking import Contract
from interpayer.exchange.sources.refining import Refinery
from interpayer.exchange.sources.rules import rules_of


class Workshop:
    """Sources and refineries by declaration. Safe between threads; a changed declaration gets new ones."""

    def __init__(self, means: Means, contract: Callable[[], Contract]) -> None:
        self._means = replace(means, http=self._client)
        self._http = means.http
        self._clients: dict[Path | None, httpx2.Client] = {}
        self._contract = contract
        self._made_contract: Contract | None = None
        self._making = threading.Lock()
        self._live: dict[tuple[str, str], LiveSource] = {}
        self._refineries: dict[str, tuple[object, Refinery]] = {}

    def close(self) -> None:
        """Close the connections."""
        with self._making:
            self._live.clear()
            while self._clients:
                self._clients.popitem()[1].close()

    def source(self, declaration: Declaration) -> Source:
        """The source, to be read as a whole. Raises FileNotFoundError, Refusal."""
        return open_source(declaration, self._means)

    def live(self, declaration: Declaration) -> LiveSource:
        """The source, to be asked for one member. Raises Refusal when its kind is not."""
        key = f"{declaration.name} {declaration.folder}", declaration.version
        with self._making:
            if key not in self._live:
                self._live[key] = open_live(declaration, self._means)
            return self._live[key]

    def refinery(self, declaration: Declaration) -> Refinery:
        """What makes resources of the source's records, by the mappings as they stand now in the plan's own folder.

        Raises Refusal when a mapping is not there or not sound.
        """
        standing = declaration.version, declaration.folder, _stand_of(declaration.maps)
        with self._making:
            kept = self._refineries.get(declaration.name)
            if kept is not None and kept[0] == standing:
                return kept[1]
            self._made_contract = self._made_contract or self._contract()
            made = Refinery(declaration, rules_of(declaration), self._made_contract)
            self._refineries[declaration.name] = standing, made
            return made

    def _client(self, ca: Path | None) -> httpx2.Client:
        """One client for each authority, whichever source needs it."""
        if ca not in self._clients:
            self._clients[ca] = self._http(ca)
        return self._clients[ca]


def _stand_of(folder: Path | None) -> tuple[tuple[str, int, int], ...]:
    """What changes when a mapping or a code table of the plan's own changes."""
    files = sorted(one for one in folder.rglob("*") if one.suffix in (".yaml", ".csv")) if folder else []
    stats = ((str(one), one.stat()) for one in files)
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats)
