"""`interpayer validate`: is each resource what its profile asks for? Needs no running server and no login."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, BinaryIO, cast

import orjson
import typer

from interpayer.cli import output
from interpayer.cli.profiles import opened_profiles
from interpayer.cli.session import session_of
from interpayer.validation.check import verdict_of
from interpayer.validation.issue import Issue, Verdict
from interpayer.validation.profiles import Profiles

app = typer.Typer()

LINE_SUFFIXES = (".ndjson", ".jsonl")
_UNREADABLE = Issue("", "json", "is no JSON object", code="structure")


@dataclass(frozen=True, slots=True)
class Line:
    """One resource of a file, or what stands where one should; `line` counts from 1."""

    file: str
    line: int
    resource: dict[str, Any] | None


@app.command()
def validate(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="FHIR in JSON or NDJSON, gzipped or not; folders are searched.")],
    *,
    profile: Annotated[
        list[str] | None, typer.Option(help="Check against this profile (url or url|version), whatever is claimed.")
    ] = None,
    packages: Annotated[Path | None, typer.Option(help="Folder of FHIR packages; default: fhir_packages.")] = None,
    form: Annotated[str, typer.Option("--format", help="table or ndjson.", metavar="FORMAT")] = "table",
) -> None:
    """Check resources against the profiles they claim, their type, or the profile named.

    ndjson: one line a resource with file, line, type, id, profile, valid, issues (code, path as FHIRPath, rule, text)
    and what could not be evaluated. Exit 0: all valid; 3: some are not.
    """
    if form not in ("table", "ndjson"):
        output.fail("this format is unknown", "table and ndjson are known", code=output.USAGE)
    missing = [str(path) for path in files if not path.exists()]
    if missing:
        output.fail("there is no such file", ", ".join(missing), code=output.USAGE)
    with output.failures():
        profiles = opened_profiles(session_of(context).settings, packages)
    if profiles is None:
        output.say("No FHIR packages: only the built-in contract is checked (interpayer profiles add).")
    counts = [0, 0]
    for line in (line for path in files for line in _read(path)):
        verdict = _verdict(profiles, line, profile)
        counts[verdict.is_valid] += 1
        _tell(line, verdict, form)
    output.say(f"{sum(counts)} resources: {counts[1]} valid, {counts[0]} not")
    raise typer.Exit(output.PARTIAL if counts[0] else output.DONE)


def _verdict(profiles: Profiles | None, line: Line, profile: list[str] | None) -> Verdict:
    if line.resource is None:
        return Verdict("", False, (_UNREADABLE,))
    if profiles is None:
        return verdict_of(line.resource)
    verdict = profiles.check(line.resource, profile)
    return replace(verdict, issues=(*verdict.issues, *profiles.advise(line.resource, profile)))


def _tell(line: Line, verdict: Verdict, form: str) -> None:
    resource = line.resource or {}
    if form == "ndjson":
        row = {
            "file": line.file,
            "line": line.line,
            "type": _text(resource.get("resourceType")),
            "id": _text(resource.get("id")),
            "profile": verdict.profile,
            "valid": verdict.is_valid,
            "issues": [_shown(issue) for issue in verdict.issues],
            "not_evaluated": list(verdict.not_evaluated),
            "checked_against": list(verdict.checked_against),
        }
        print(orjson.dumps(row).decode())
        return
    for issue in verdict.issues:
        print(f"{line.file}:{line.line}: {issue.severity}: {issue.path}: {issue.text} [{issue.rule}]")


def _shown(issue: Issue) -> dict[str, str]:
    return {
        "severity": issue.severity,
        "code": issue.code,
        "path": issue.path,
        "rule": issue.rule,
        "text": issue.text,
    }


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _read(path: Path) -> Iterator[Line]:
    """The resources of a file, or of the files below a folder that are FHIR by their names."""
    if path.is_dir():
        for file in sorted(one for one in path.rglob("*") if one.is_file() and _plain_name(one).endswith(".json")):
            yield from _read(file)
        for file in sorted(
            one for one in path.rglob("*") if one.is_file() and _plain_name(one).endswith(LINE_SUFFIXES)
        ):
            yield from _read(file)
        return
    try:
        with _opened(path) as opened:
            if _plain_name(path).endswith(LINE_SUFFIXES):
                yield from _lines(str(path), opened)
            else:
                yield from _whole(str(path), opened.read())
    except (OSError, EOFError, zlib.error):
        yield Line(str(path), 1, None)


def _lines(file: str, opened: BinaryIO) -> Iterator[Line]:
    for position, line in enumerate(opened, start=1):
        raw = line.removeprefix(b"\xef\xbb\xbf").strip()
        if raw:
            yield Line(file, position, _parsed(raw))


def _whole(file: str, raw: bytes) -> Iterator[Line]:
    """One resource; a file of several lines that is none is read as NDJSON, whatever its name."""
    resource = _parsed(raw.removeprefix(b"\xef\xbb\xbf"))
    lines = raw.splitlines()
    if resource is None and len(lines) > 1 and _parsed(lines[0].strip()) is not None:
        yield from (Line(file, position, _parsed(one)) for position, one in enumerate(lines, start=1) if one.strip())
    else:
        yield Line(file, 1, resource)


def _parsed(raw: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        if path.name.lower().endswith(".gz"):
            with gzip.open(file) as unpacked:
                yield cast("BinaryIO", unpacked)
        else:
            yield file


def _plain_name(path: Path) -> str:
    return path.name.lower().removesuffix(".gz")
