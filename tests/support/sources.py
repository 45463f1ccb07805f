"""Sources for tests: a workshop that calls nobody outside."""

from interpayer.adapters.catalog import Means
from interpayer.exchange.sources.checking import Contract
from interpayer.exchange.sources.workshop import Workshop


def a_workshop() -> Workshop:
    """Reads files; whoever calls out with it fails."""

    def refuse(*_: object) -> None:
        raise AssertionError("this workshop calls nobody")

    return Workshop(Means(refuse, refuse), Contract)
