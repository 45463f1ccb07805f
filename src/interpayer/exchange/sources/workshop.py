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
        self._refineries: dict[tuple[str, str], Refinery] = {}

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
        key = declaration.name, declaration.version
        with self._making:
            if key not in self._live:
                self._live[key] = open_live(declaration, self._means)
            return self._live[key]

    def refinery(self, declaration: Declaration) -> Refinery:
        """What makes resources of the source's records. Raises Refusal when a mapping is not there or not sound."""
        key = declaration.name, declaration.version
        with self._making:
            if key not in self._refineries:
                self._made_contract = self._made_contract or self._contract()
                self._refineries[key] = Refinery(declaration, rules_of(declaration), self._made_contract)
            return self._refineries[key]

    def _client(self, ca: Path | None) -> httpx2.Client:
        """One client for each authority, whichever source needs it."""
        if ca not in self._clients:
            self._clients[ca] = self._http(ca)
        return self._clients[ca]
