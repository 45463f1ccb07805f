"""The adapters there are, listed by hand: nothing registers itself."""

from collections.abc import Callable, Mapping
from pathlib import Path

from interpayer.adapters.base import Source
from interpayer.adapters.fhir_files import FhirFiles

ADAPTERS: Mapping[str, Callable[[Path], Source]] = {"fhir_files": FhirFiles}
