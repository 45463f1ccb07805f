"""HAPI's instance validator in a process of its own, fetched by Maven when it is asked for."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parents[1] / "conformance" / "java"
CLASSPATH = ["org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"]
FETCH_S, RUN_S = 1_200, 1_200


@dataclass(frozen=True, slots=True)
class Asked:
    """One file, the packages it is checked with, and the profile besides those it claims."""

    path: Path
    packages: tuple[Path, ...]
    profile: str = "-"


@dataclass(frozen=True, slots=True)
class Said:
    """One error that HAPI reports."""

    path: str
    id: str
    text: str


def java_classpath(folder: Path) -> str:
    """What Java needs to run it; skips the test where Java, Maven or the repository cannot be reached."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed: no second opinion of HAPI's instance validator")
    kept = folder / "classpath"
    command = ["mvn", "-q", "-B", "-ntp", "-f", str(HERE / "pom.xml"), *CLASSPATH, f"-Dmdep.outputFile={kept}"]
    fetched = subprocess.run(command, capture_output=True, text=True, timeout=FETCH_S, check=False)
    if fetched.returncode != 0:
        pytest.skip(f"Maven could not fetch HAPI's instance validator: {fetched.stdout[-300:]}")
    return kept.read_text(encoding="utf-8").strip()


def ask_java(classpath: str, asked: Sequence[Asked]) -> dict[Path, tuple[Said, ...]]:
    """The errors of each file; a set of packages is loaded once."""
    command = ["java", "-Xmx2g", "-cp", classpath, str(HERE / "Conformance.java")]
    answered = subprocess.run(
        command, input="".join(_lines(asked)), capture_output=True, text=True, timeout=RUN_S, check=True
    )
    answers = [json.loads(line) for line in answered.stdout.splitlines()]
    return {Path(answer["file"]): tuple(_errors(answer)) for answer in answers}


def _lines(asked: Sequence[Asked]) -> Iterable[str]:
    for packages in dict.fromkeys(one.packages for one in asked):
        yield "\t".join(["SET", packages[0].name, *map(str, packages)]) + "\n"
        yield from (f"FILE\t{one.path}\t{one.profile}\n" for one in asked if one.packages == packages)


def _errors(answer: Mapping[str, Any]) -> Iterable[Said]:
    for issue in answer["issues"]:
        if issue["severity"] in {"error", "fatal"}:
            yield Said(issue.get("path") or "", issue.get("id") or "", issue.get("text") or "")
