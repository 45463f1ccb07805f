"""Scratch databases for tests: migrated, empty, one per test, with a connection pool per login role."""

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from interpayer.system.cluster import folder_of, socket_folder
from interpayer.system.database import Database, connect, embedded_url, serving
from interpayer.system.settings import Settings, read_settings
from tests.support.postgres_server import TEMPLATE, home_of, require_server


@contextmanager
def serves(partner_id: str) -> Iterator[None]:
    """As the FHIR door once the caller is known: transactions of the role door see the rows of this partner."""
    token = serving.set(partner_id)
    try:
        yield
    finally:
        serving.reset(token)


class ScratchDatabase:
    """One database: ``door``, ``worker``, ``operator``, ``migrator`` and ``owner`` are pools for these roles."""

    def __init__(self, home: Path, name: str) -> None:
        self.home, self.name = home, name
        self._pools: dict[str, Database] = {}

    def url(self, role: str) -> str:
        """The address for one login role."""
        return embedded_url(self.home, role, database=self.name)

    @property
    def url_pattern(self) -> str:
        """The address with ``{role}`` in it, as INTERPAYER_DATABASE_URL takes it."""
        host = quote(str(socket_folder(self.home)), safe="")
        passfile = quote(str(folder_of(self.home) / "passwords"), safe="") + "%2F{role}"
        return f"postgresql://interpayer_{{role}}@/{self.name}?host={host}&passfile={passfile}"

    def settings(self, home: Path, **settings: str) -> Settings:
        """Settings of a payer that keeps its state in this database and its files in ``home``."""
        given = {"home": str(home), "database_url": self.url_pattern, "environment": "test"} | settings
        return read_settings({f"INTERPAYER_{key.upper()}": value for key, value in given.items()})

    def pool(self, role: str) -> Database:
        """The pool of one role, made when first asked for."""
        if role not in self._pools:
            self._pools[role] = Database(self.url(role), size=4)
        return self._pools[role]

    @property
    def door(self) -> Database:
        return self.pool("door")

    @property
    def worker(self) -> Database:
        return self.pool("worker")

    @property
    def operator(self) -> Database:
        return self.pool("operator")

    @property
    def migrator(self) -> Database:
        return self.pool("migrator")

    @property
    def owner(self) -> Database:
        return self.pool("owner")

    def close(self) -> None:
        """Close the pools; the database stays."""
        while self._pools:
            self._pools.popitem()[1].close()


class DatabaseServer:
    """The run's server, as one test process sees it."""

    def __init__(self, folder: Path) -> None:
        require_server(folder)
        self.home = home_of(folder)
        self._numbers = itertools.count(1)
        self._admin = connect(embedded_url(self.home, "owner", database="postgres"), autocommit=True)

    def create(self, *, template: str | None = TEMPLATE) -> ScratchDatabase:
        """A new database, migrated; with ``template=None`` an empty one."""
        name = f"t_{os.getpid()}_{next(self._numbers)}"
        self._admin.execute(f"create database {name} template {template or 'template1'}".encode())
        self._admin.execute(f"grant create on database {name} to interpayer_migrator".encode())
        return ScratchDatabase(self.home, name)

    def drop(self, database: ScratchDatabase) -> None:
        """Drop it, whoever is still connected."""
        database.close()
        self._admin.execute(f"drop database if exists {database.name} with (force)".encode())

    def close(self) -> None:
        self._admin.close()
