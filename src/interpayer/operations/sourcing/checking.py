"""`source check`: can a new source be used, and how good is it? Reads a little, changes nothing."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from interpayer.adapters.base import Asked, Source
from interpayer.adapters.catalog import InFiles
from interpayer.adapters.declaration import Declaration
from interpayer.adapters.fhir_server.maturity import NOBODY, Maturity, differences
from interpayer.adapters.fhir_server.server import FhirServer
from interpayer.exchange.sources.account import Account
from interpayer.exchange.sources.refining import Refinery
from interpayer.exchange.sources.workshop import Workshop
from interpayer.model.reason import Fault
from interpayer.operations.sourcing.loading import data_as_of
from interpayer.system.clock import now

SAMPLE = 200
SHOWN = 10
PATIENCE = timedelta(seconds=60)
GOOD, DOUBTFUL, BAD = "good", "doubtful", "bad"


@dataclass(frozen=True, slots=True)
class Look:
    """One thing that was looked at: what, how it is, and in words."""

    what: str
    state: str
    words: str


@dataclass(slots=True)
class CheckReport:
    """What was found; a source with anything `bad` cannot be used as it is."""

    looks: list[Look] = field(default_factory=list)
    maturity: Maturity | None = None
    differences: list[str] | None = None
    sample: Account | None = None

    def add(self, what: str, state: str, words: str) -> None:
        """Note one look."""
        self.looks.append(Look(what, state, words))

    @property
    def can_be_used(self) -> bool:
        """Whether nothing is bad."""
        return all(look.state != BAD for look in self.looks)


def check_source(
    workshop: Workshop, declaration: Declaration, *, against: Declaration | None = None, sample: int = SAMPLE
) -> CheckReport:
    """Look at a declared source; a FHIR server also `against` another one that should promise the same.

    Raises Refusal for a declaration or a mapping that cannot be used, FileNotFoundError for a path that is not there.
    """
    report = CheckReport()
    refinery = workshop.refinery(declaration)
    named = [name for rule in declaration.entities.values() for name in rule.mappings]
    report.add("mappings", GOOD, f"{len(set(named))} named, all sound" if named else "none named; the kind's own")
    source = workshop.source(declaration)
    try:
        if isinstance(source, FhirServer):
            _look_at_server(report, source, workshop, against)
        if isinstance(source, InFiles):
            _look_at_files(report, source)
        elif declaration.is_live:
            _look_at_database(report, workshop, declaration)
        if not isinstance(source, FhirServer):
            report.sample = _sample(report, source, refinery, sample)
            _look_at_age(report, declaration, source)
    except Fault as fault:
        report.add("answers", BAD, f"{fault.reason}: {fault.detail}")
    return report


def _look_at_server(report: CheckReport, source: FhirServer, workshop: Workshop, against: Declaration | None) -> None:
    until = now() + PATIENCE
    report.maturity = source.maturity(until)
    broken = report.maturity.broken_promises
    report.add("promises", DOUBTFUL if broken else GOOD, "; ".join(broken) or "all that were looked at are kept")
    if against is not None:
        other = workshop.source(against)
        if isinstance(other, FhirServer):
            report.differences = differences(source.capability(until), other.capability(until))
            words = "; ".join(report.differences) or f"promises what {against.name} promises"
            report.add(f"against {against.name}", DOUBTFUL if report.differences else GOOD, words)


def _look_at_database(report: CheckReport, workshop: Workshop, declaration: Declaration) -> None:
    """Ask it for somebody whom nobody knows: the queries have to run, and to give nothing. Raises Fault."""
    asked = Asked(((declaration.members.system, NOBODY),), declaration.types, (None, None), now() + PATIENCE)
    found = sum(1 for _ in workshop.live(declaration).read_member(asked))
    words = f"{found} records of a member who is not there" if found else "asked for one member, it answers"
    report.add("answers", BAD if found else GOOD, words)


def _look_at_files(report: CheckReport, source: InFiles) -> None:
    files, passed_over = len(source.files()), source.passed_over()
    report.add("files", GOOD if files else BAD, f"{files} to be read, {len(passed_over)} passed over")


def _look_at_age(report: CheckReport, declaration: Declaration, source: Source) -> None:
    as_of = data_as_of(declaration, source, now())
    limit = declaration.fresh_within
    words = f"as of {as_of:%Y-%m-%d %H:%MZ}"
    if limit is None:
        report.add("freshness", GOOD, f"{words}; no limit is declared")
    else:
        is_fresh = now() - as_of <= limit
        report.add("freshness", GOOD if is_fresh else DOUBTFUL, words if is_fresh else f"{words}: stale")


def _sample(report: CheckReport, source: Source, refinery: Refinery, sample: int) -> Account:
    declaration = refinery.declaration
    account = Account(declaration.name, declaration.kind, declaration.version)
    for refined in refinery.refine_all(islice(source.read(), sample)):
        account.add(refined)
    numbers = account.numbers()
    words = f"of {numbers['read']} records {numbers['mapped']} mapped, {numbers['quarantined']} kept apart, "
    words += f"{numbers['out_of_scope']} out of scope"
    if not numbers["read"] and declaration.is_live:
        report.add("sample", GOOD, "nothing is read as a whole; it is asked for one member at a time")
        return account
    is_bad = not numbers["read"] or numbers["quarantined"] == numbers["read"]
    report.add("sample", BAD if is_bad else DOUBTFUL if numbers["quarantined"] else GOOD, words)
    for what, counted in (("not readable", account.left_out), ("unknown codes", account.unmapped)):
        if counted:
            report.add(what, DOUBTFUL, "; ".join(f"{word} ({count})" for word, count in counted.most_common(SHOWN)))
    return account
