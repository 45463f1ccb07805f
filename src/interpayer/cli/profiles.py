"""`interpayer profiles`: the FHIR packages that resources are checked against."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from interpayer.cli import output
from interpayer.cli.output import AsFormat, AsJson
from interpayer.cli.session import session_of
from interpayer.system.settings import Settings
from interpayer.validation.packages import Library, PackageUnusable, read_library, read_package
from interpayer.validation.profiles import Profiles

HELP = """The FHIR packages (.tgz) that resources are checked against; needs no running server.

    interpayer profiles add hl7.fhir.r4.core-4.0.1.tgz hl7.fhir.us.core-6.1.0.tgz
    interpayer profiles list
"""
app = typer.Typer(help=HELP, no_args_is_help=True)
FOLDER = "fhir-packages"
COLUMNS = ("package", "version", "profiles", "value_sets", "notes")
InFolder = Annotated[Path | None, typer.Option("--packages", help="Folder of FHIR packages; default: fhir_packages.")]


@app.command("list")
def list_(
    context: typer.Context,
    *,
    packages: InFolder = None,
    urls: Annotated[bool, typer.Option(help="Each profile with its url instead of each package.")] = False,
    form: AsFormat = "table",
    as_json: AsJson = False,
) -> None:
    """Which packages there are, and what they need that is missing."""
    settings = session_of(context).settings
    library = _library(settings, packages)
    rows = _urls(library) if urls else _packages(library)
    columns = ("profile", "version", "package") if urls else COLUMNS
    output.tell_rows("profiles/1", "profiles", rows, columns=columns, form=output.chosen(form, as_json=as_json))


@app.command()
def add(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(help="FHIR packages (.tgz).")],
    *,
    packages: InFolder = None,
) -> None:
    """Take packages into the folder; one that cannot be read is refused."""
    settings = session_of(context).settings
    folder = packages or settings.fhir_packages or settings.home / FOLDER
    for file in files:
        try:
            package = read_package(file)
        except (PackageUnusable, OSError) as error:
            output.fail("this package cannot be used", str(error), code=output.USAGE)
        folder.mkdir(parents=True, exist_ok=True)
        kept = folder / f"{package.name}-{package.version}.tgz"
        if file.resolve() != kept.resolve():
            shutil.copyfile(file, kept.with_suffix(".new"))
            kept.with_suffix(".new").replace(kept)
        print(package.id)


def opened_profiles(settings: Settings, folder: Path | None) -> Profiles | None:
    """The profiles of a folder, else of the one in the settings; None when there is no folder at all."""
    if folder is None and settings.fhir_packages is None:
        return None
    try:
        return Profiles(_library(settings, folder), cache=_cache(settings))
    except LookupError as error:
        step = "interpayer profiles add hl7.fhir.r4.core-4.0.1.tgz"
        output.fail("these packages cannot be used", str(error), next_step=step, code=output.USAGE)


def _library(settings: Settings, folder: Path | None) -> Library:
    chosen = folder or settings.fhir_packages
    if chosen is None or not chosen.is_dir():
        step = "interpayer profiles add PACKAGE.tgz, or --packages FOLDER"
        output.fail("there is no folder of FHIR packages", str(chosen or ""), next_step=step, code=output.USAGE)
    try:
        return read_library(chosen, _cache(settings))
    except PackageUnusable as error:
        output.fail("a package cannot be used", str(error), code=output.USAGE)


def _cache(settings: Settings) -> Path:
    """Where unpacked packages and compiled profiles are kept; they can be made anew at any time."""
    folder = settings.home / "cache" if settings.home.is_dir() else Path("~/.cache/interpayer").expanduser()
    return folder / FOLDER


def _packages(library: Library) -> list[dict[str, object]]:
    rows = []
    for package in sorted(library.packages.values(), key=lambda one: one.id):
        kinds = [entry.kind for entry in package.entries.values()]
        rows.append(
            {
                "package": package.name,
                "version": package.version,
                "profiles": kinds.count("StructureDefinition"),
                "value_sets": kinds.count("ValueSet"),
                "notes": "; ".join(library.missing(package)),
            }
        )
    return rows


def _urls(library: Library) -> list[dict[str, object]]:
    return [
        {"profile": entry.url, "version": entry.version, "package": package.id}
        for package in sorted(library.packages.values(), key=lambda one: one.id)
        for entry in package.entries.values()
        if entry.kind == "StructureDefinition"
    ]
