"""A partner's client certificate: read whole or by its thumbprint; what cannot be one is refused."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from interpayer.model.agreement import Certificate
from interpayer.model.reason import Refusal
from interpayer.partners.credentials import counts, read_certificate, read_certificates
from interpayer.system.certificates.chain import thumbprint_of
from interpayer.system.tls import KeyPair, create_authority, issue_client, issue_server
from tests.support.certificates import certify

AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tls")


@pytest.fixture(scope="module")
def ca(folder: Path) -> KeyPair:
    return create_authority(folder, "An authority")


@pytest.fixture(scope="module")
def client(folder: Path, ca: KeyPair) -> KeyPair:
    return issue_client(folder, ca, "plan-b", hosts=["plan-b.example", "https://plan-b.example/fhir"])


def test_a_certificate_tells_its_names_and_its_end(client: KeyPair) -> None:
    pem = client.certificate.read_bytes()
    parsed = x509.load_pem_x509_certificate(pem)
    read = read_certificate(pem)
    assert read.thumbprint == thumbprint_of(parsed)
    assert read.expires_at == parsed.not_valid_after_utc
    assert set(read.names) == {"plan-b.example", "https://plan-b.example/fhir"}
    assert read_certificate(pem.decode()) == read_certificate(parsed.public_bytes(Encoding.DER)) == read
    assert read_certificates([pem, read.thumbprint])[0].thumbprint == read.thumbprint
    assert len(read_certificates([pem, pem])) == 1


def test_what_is_no_client_certificate_is_refused(folder: Path, ca: KeyPair, client: KeyPair) -> None:
    server = issue_server(folder, ca, ["b.example"], name="server")
    both = client.key.read_bytes() + client.certificate.read_bytes()
    # a kind of name that nobody reads
    names = x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, b"\x30\x02\xa3\x00")
    strange = certify("plan-b", leave_out=["names"], more=[names], at=datetime.now(UTC)).pem
    whole = ca.certificate.read_bytes(), server.certificate.read_bytes()
    for content in (both, *whole, strange, b"no", "AB:CD", b"", "A" * 42):
        with pytest.raises(Refusal) as refused:
            read_certificate(content)
        assert refused.value.reason == "request.malformed"


@pytest.mark.parametrize(
    ("certificate", "is_in"),
    [
        (Certificate("A"), True),
        (Certificate("A", expires_at=AT + timedelta(seconds=1)), True),
        (Certificate("A", expires_at=AT), False),
        (Certificate("A", leaves_at=AT), False),
        (Certificate("A", expires_at=AT + timedelta(days=1), leaves_at=AT - timedelta(days=1)), False),
    ],
    ids=["bare", "ahead", "over", "left", "left before its end"],
)
def test_when_a_certificate_counts(certificate: Certificate, is_in: bool) -> None:
    assert counts(certificate, at=AT) is is_in


def test_a_certificate_that_somebody_made_for_trying_out_is_taken() -> None:
    """`openssl req -x509` says CA:TRUE and nothing about its use."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "alder")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC))
        .not_valid_after(datetime.now(UTC) + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    assert read_certificate(made.public_bytes(Encoding.PEM)).thumbprint == thumbprint_of(made)
