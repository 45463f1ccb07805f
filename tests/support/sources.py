"""Sources for tests: workshops that read files, or call a server of the test."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from interpayer.adapters.catalog import Means
from interpayer.adapters.declaration import Declaration, parse_declaration
from interpayer.exchange.sources.checking import Contract
from interpayer.exchange.sources.workshop import Workshop
from interpayer.system.outbound import outbound_client
from interpayer.system.settings import read_settings


def a_means() -> Means:
    """Whoever calls out with it fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("this workshop calls nobody")

    return Means(refuse, refuse)


def a_workshop() -> Workshop:
    """Reads files, and checks them against the built-in contract."""
    return Workshop(a_means(), Contract)


def a_declaration(folder: Path, text: str) -> Declaration:
    """What a SOURCE.yaml of this text in the folder declares."""
    return parse_declaration(text.encode(), folder=folder, file="SOURCE.yaml")


@contextmanager
def calling(home: Path) -> Iterator[Workshop]:
    """Calls servers of this machine, with an assertion that says who it is for."""
    environ = {"INTERPAYER_HOME": str(home), "INTERPAYER_ENVIRONMENT": "test"}
    settings = read_settings(environ | {"INTERPAYER_ALLOWED_PRIVATE_HOSTS": "127.0.0.1"})
    means = Means(lambda ca: outbound_client(settings, ca=ca), lambda client, audience: f"{client} for {audience}")
    with closing(Workshop(means, Contract)) as workshop:
        yield workshop
