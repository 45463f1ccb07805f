"""Who acts at this terminal and with what: settings, tools and the person, each found when first needed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import typer

from interpayer.app.build import Application, build
from interpayer.audit.checkpoint import VerifierKey
from interpayer.audit.ledger import Ledger, origin_of
from interpayer.cli.output import failures
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Actor
from interpayer.model.reason import Refusal
from interpayer.operations import environment
from interpayer.operations.access import Person, person_of, require
from interpayer.operations.refusals import Refusals, Refused
from interpayer.system.clock import now
from interpayer.system.database import Connection, Database
from interpayer.system.settings import Settings, read_settings

LOGIN = "login"


@dataclass(frozen=True, slots=True)
class Act:
    """One act of a named person: the tools, the transaction it happens in, and who does it."""

    tools: Tools
    conn: Connection
    person: Person

    @property
    def actor(self) -> Actor:
        """The person as the one who acts."""
        return self.person.actor


class Session:
    """One run of the command line; nothing is read, opened or connected before it is needed."""

    def __init__(self) -> None:
        self.audit_action = "audit.read"

    @cached_property
    def settings(self) -> Settings:
        """The settings of this installation."""
        return read_settings(os.environ)

    @cached_property
    def application(self) -> Application:
        """Everything built from the settings."""
        return build(self.settings)

    @property
    def tools(self) -> Tools:
        """The operator's tools."""
        return self.application.tools("operator")

    @property
    def login_file(self) -> Path:
        """Where the login of this installation is kept, readable by its owner only."""
        return self.settings.home / LOGIN

    @contextmanager
    def acting(self, action: str) -> Iterator[Act]:
        """One transaction of a person whose role allows the action; what fails ends the command in words."""
        with failures():
            try:
                with self.tools.database.transaction() as conn:
                    yield Act(self.tools, conn, self._person(conn, action))
            except Refusal as refusal:
                self._note(refusal, action)
                raise

    @contextmanager
    def acting_alone(self, action: str) -> Iterator[tuple[Tools, Actor]]:
        """As `acting`, for work that makes its own transactions (loads)."""
        with failures():
            with self.acting(action) as act:
                actor = act.actor
            environment.claim(self.tools)
            yield self.tools, actor

    def audit_tools(self) -> "AuditTools":
        """What `interpayer audit` works with, for a person who may."""
        with failures(), self.tools.database.transaction() as conn:
            self._person(conn, self.audit_action)
        return AuditTools(self.application)

    def keep_login(self, token: str) -> None:
        """Keep the token for the commands that follow."""
        self.login_file.parent.mkdir(parents=True, exist_ok=True)
        self.login_file.unlink(missing_ok=True)
        with os.fdopen(os.open(self.login_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(token.strip() + "\n")

    def forget_login(self) -> bool:
        """Forget the kept token; False when there is none."""
        known = self.login_file.exists()
        self.login_file.unlink(missing_ok=True)
        return known

    def close(self) -> None:
        """Close what was opened."""
        if "application" in self.__dict__:
            self.application.close()

    def token(self) -> str | None:
        """The token of INTERPAYER_TOKEN, else of the kept login."""
        if self.settings.token:
            return self.settings.token
        with suppress(FileNotFoundError):
            return self.login_file.read_text(encoding="utf-8").strip()
        return None

    def _person(self, conn: Connection, action: str) -> Person:
        token = self.token()
        person = person_of(conn, token) if token else None
        if person is None:
            raise Refusal("caller.unknown", "the token is not valid here" if token else "there is no token")
        require(person, action)
        return person

    def _note(self, refusal: Refusal, action: str) -> None:
        """A refusal at our own door is an event, even though nothing else of the act remains."""
        with self.tools.database.transaction() as conn:
            token = self.token()
            person = person_of(conn, token) if token else None
        Refusals(self.tools).note(
            Refused(
                reason=refusal.reason,
                route=f"cli {action}",
                status=0,
                at=now(),
                person_id=person.id if person else None,
                person_kind=person.kind if person else "system",
            )
        )


class AuditTools:
    """The ledger's side of the application."""

    def __init__(self, application: Application) -> None:
        self._application = application

    @property
    def database(self) -> Database:
        """The pool of the role operator."""
        return self._application.tools("operator").database

    @property
    def ledger(self) -> Ledger:
        """Knows the pseudonyms."""
        return self._application.ledger

    @property
    def verifier(self) -> VerifierKey:
        """The public half of this installation's signing key, under the name that the ledger has."""
        key = self._application.checkpoint_key().public_bytes
        with self.database.transaction() as conn:
            return VerifierKey(origin_of(conn, self._application.settings.base_url), key)

    @property
    def witness(self) -> Path | None:
        """Where the sealer copies its notes to."""
        return self._application.settings.home / "checkpoints"


def session_of(context: typer.Context) -> Session:
    """The session of this run."""
    session: Session = context.obj
    return session
