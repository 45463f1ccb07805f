"""Words that the commands about partners share: who, why, and documents read from files."""

import re
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
import yaml

from interpayer.model.agreement import Certificate
from interpayer.model.reason import Refusal
from interpayer.partners.credentials import THUMBPRINT, read_certificate

Who = Annotated[str, typer.Argument(metavar="PARTNER", help="Id (p-…), client id or organization identifier.")]
Why = Annotated[str, typer.Option("--reason", help="Why; it is kept in the partner's history.")]
# A scope may hold a comma of its own, so a comma divides only where the next scope begins.
BETWEEN_SCOPES = re.compile(r"\s+|,\s*(?=system/|https?://|$)")


def read_object(file: Path) -> dict[str, Any]:
    """YAML or JSON as an object (JSON is read as such: it is faster and stricter); - reads it from input."""
    raw = typer.get_binary_stream("stdin").read() if str(file) == "-" else file.read_bytes()
    try:
        content = orjson.loads(raw) if raw.lstrip()[:1] == b"{" else yaml.safe_load(raw)
    except (ValueError, yaml.YAMLError) as error:
        raise Refusal("request.malformed", f"{file} is neither JSON nor YAML: {type(error).__name__}") from None
    if not isinstance(content, dict):
        raise Refusal("request.malformed", f"{file} must hold an object")
    return content


def read_keys(named: str) -> dict[str, Any]:
    """`--jwks`: a file is read (a JWKS, or one JWK), an address is kept as such."""
    if "://" in named:
        return {"jwks_url": named}
    content = read_object(Path(named))
    return {"jwks": {"keys": [content]} if "kty" in content else content}


def read_client_certificate(named: str) -> Certificate:
    """`--certificate`: a PEM or DER file, or a thumbprint (x5t#S256)."""
    if THUMBPRINT.fullmatch(named) and not Path(named).exists():
        return read_certificate(named)
    return read_certificate(Path(named).read_bytes())


def credentials_of(jwks: str | None, certificates: Iterable[str]) -> dict[str, Any]:
    """`--jwks` and `--certificate` as a document holds them; read here, so that a bad one is told by its option."""
    texts = [_certificate_text(one) for one in certificates]
    return (read_keys(jwks) if jwks else {}) | ({"certificates": texts} if texts else {})


def _certificate_text(named: str) -> str:
    read_client_certificate(named)
    path = Path(named)
    if not path.exists():
        return named
    content = path.read_bytes()
    is_text = content.lstrip().startswith(b"-----BEGIN")
    return content.decode() if is_text else ssl.DER_cert_to_PEM_cert(content)


def scopes_of(values: list[str]) -> list[str]:
    """`--scopes`: repeated, or several in one text as OAuth writes them."""
    return [scope for value in values for scope in BETWEEN_SCOPES.split(value) if scope]
