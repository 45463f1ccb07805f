"""What verification answers."""

from dataclasses import dataclass, field

from interpayer.audit.evidence import Entry, Tip

MOST_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was written; the event it shows at, where there is one."""

    kind: str
    words: str
    chain: str | None = None
    seq: int | None = None
    position: int | None = None


@dataclass(slots=True)
class Verdict:
    """What was read and what was found; intact means nothing was. The first findings are kept, all are counted."""

    events: int = 0
    chains: int = 0
    checkpoints: int = 0
    witnessed: int = 0
    unsealed: int = 0
    found: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def intact(self) -> bool:
        """Whether nothing was found."""
        return self.found == 0

    @property
    def first_bad_event(self) -> Finding | None:
        """The first finding that names an event."""
        return next((finding for finding in self.findings if finding.chain is not None), None)

    def report(self, kind: str, words: str, entry: Entry | Tip | None = None) -> None:
        """Keep one finding."""
        self.found += 1
        if len(self.findings) < MOST_FINDINGS:
            chain, seq = (entry.chain, entry.seq) if entry is not None else (None, None)
            position = entry.position if isinstance(entry, Entry) else None
            self.findings.append(Finding(kind, words, chain, seq, position))
