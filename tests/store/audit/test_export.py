"""An export says offline what the database says, and no byte of it can change unseen."""

import random
import subprocess
import sys

import pytest

from interpayer.audit.checkpoint import VerifierKey
from interpayer.audit.evidence import KEY_FILE, read_export, read_notes
from interpayer.audit.export import write_export
from interpayer.audit.verify import verify
from tests.support.ledgers import an_event


@pytest.fixture
def export(book, tmp_path):
    """A full ledger and the folder it was exported to."""
    book.fill(30, checkpoints=3)
    book.append(an_event("x-open", facts={"words": "ärger \u2028 \U0001f600"}))
    with book.database.operator.transaction() as conn:
        assert write_export(conn, tmp_path / "export", book.verifier) == 31
    return tmp_path / "export"


def offline(folder, book, *, witnessed=()):
    return verify(read_export(folder), VerifierKey.read((folder / KEY_FILE).read_text()), witnessed=witnessed)


def test_verifies_offline_like_the_database(book, export):
    verdict = offline(export, book, witnessed=read_notes(book.witness))
    assert verdict == book.verdict(with_witness=True)
    assert verdict.intact
    assert (verdict.events, verdict.chains, verdict.checkpoints, verdict.witnessed, verdict.unsealed) == (
        31,
        6,
        3,
        3,
        1,
    )


def test_an_export_is_never_overwritten(book, export):
    with pytest.raises(FileExistsError), book.database.operator.transaction() as conn:
        write_export(conn, export, book.verifier)


def test_no_byte_can_change_unseen(book, export):
    """The open event's own line aside: before its checkpoint only its chain protects it."""
    rng = random.Random(11)
    missed = []
    for path in sorted(export.glob("*.ndjson")):
        whole = path.read_bytes()
        for _ in range(60):
            place, bit = rng.randrange(len(whole)), 1 << rng.randrange(8)
            path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            if offline(export, book).intact:
                missed.append((path.name, place, bit))
        for part in (whole[:-1], whole + b"\n", whole[: whole.rindex(b"\n", 0, -1) + 1], whole + whole, b""):
            path.write_bytes(part)
            if offline(export, book).intact:
                missed.append((path.name, len(part)))
        path.write_bytes(whole)
    assert missed == []
    assert offline(export, book).intact


@pytest.mark.parametrize("line", ["{}", "[]", "null", '{"chain":1}', "\udcff", '{"a":' * 5000, '{"seq":1e400}'])
def test_rubbish_is_a_finding_and_no_crash(book, export, line):
    for path in export.glob("*.ndjson"):
        whole = path.read_bytes()
        path.write_bytes(line.encode("utf-8", "surrogateescape") + b"\n" + whole)
        verdict = offline(export, book)
        assert verdict.findings[0].kind == "export.broken"
        assert f"{path.name}, line 1" in verdict.findings[0].words
        path.write_bytes(whole)


def test_the_verifier_needs_neither_the_database_nor_its_driver(export):
    program = (
        "import sys; from pathlib import Path; sys.modules['psycopg'] = None\n"
        "from interpayer.audit.checkpoint import VerifierKey; from interpayer.audit.verify import verify\n"
        "from interpayer.audit.evidence import read_export\n"
        f"folder = Path({str(export)!r}); key = VerifierKey.read((folder / 'ledger.vkey').read_text())\n"
        "assert verify(read_export(folder), key).intact\n"
        "ours = {name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)\n"
        "print(sorted(name for name in ours if not name.startswith('_')))\n"
    )
    done = subprocess.run([sys.executable, "-S", "-c", program], env=_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(eval(done.stdout)) <= {"cryptography", "interpayer", "cffi", "psycopg"}


def _environment():
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}
