"""The header of a clinical document (CDA R2, C-CDA R2.1 section 1.1): who, what, when; its body is not read."""

from collections.abc import Iterator
from typing import Any

from lxml import etree

NAMESPACE = "{urn:hl7-org:v3}"
_SSN = "2.16.840.1.113883.4.1"


class NoClinicalDocument(Exception):
    """The file is no clinical document that can be read; the text says where, never a value."""


def read_header(raw: bytes) -> dict[str, Any]:
    """What the header says, by plain names. Raises NoClinicalDocument."""
    # No entity is resolved, nothing is fetched: the document comes from outside.
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, recover=False)
    try:
        root = etree.fromstring(raw, parser)
    except etree.XMLSyntaxError as error:
        raise NoClinicalDocument(f"line {error.lineno}: is no well-formed XML") from None
    if root.tag != f"{NAMESPACE}ClinicalDocument":
        raise NoClinicalDocument("the root is no ClinicalDocument of HL7 v3")
    if root.getroottree().docinfo.internalDTD is not None:
        raise NoClinicalDocument("brings a document type of its own")
    return {name: value for name, value in _facts(root) if value not in (None, "", [], {})}


def _facts(root: etree._Element) -> Iterator[tuple[str, Any]]:
    service = _first(root, "documentationOf/serviceEvent/effectiveTime")
    yield "ids", list(_ids(root.findall(_path("id"))))
    yield (
        "patient_ids",
        [one for one in _ids(root.findall(_path("recordTarget/patientRole/id"))) if one["root"] != _SSN],
    )
    yield "type", _code(_first(root, "code"))
    yield "title", _text(_first(root, "title"))
    yield "created_at", _value(_first(root, "effectiveTime"))
    yield "confidentiality", _attribute(_first(root, "confidentialityCode"), "code")
    yield "language", _attribute(_first(root, "languageCode"), "code")
    yield "author", _name(root, "author/assignedAuthor")
    yield "custodian", _text(_first(root, "custodian/assignedCustodian/representedCustodianOrganization/name"))
    if service is not None:
        yield "service_from", _value(_first(service, "low")) or _value(service)
        yield "service_to", _value(_first(service, "high"))
    yield "replaces", _replaced(root)
    yield "is_structured", _first(root, "component/structuredBody") is not None


def _path(names: str) -> str:
    return "/".join(f"{NAMESPACE}{name}" for name in names.split("/"))


def _first(node: etree._Element, names: str) -> etree._Element | None:
    return node.find(_path(names))


def _attribute(node: etree._Element | None, name: str) -> str:
    value = node.get(name) if node is not None else None
    return value.strip() if value else ""


def _value(node: etree._Element | None) -> str:
    return _attribute(node, "value")


def _text(node: etree._Element | None) -> str:
    return " ".join("".join(str(part) for part in node.itertext()).split()) if node is not None else ""


def _ids(nodes: list[etree._Element]) -> Iterator[dict[str, str]]:
    """Those that name something: a root with its extension, or a root that is an id by itself."""
    for node in nodes:
        root, extension = _attribute(node, "root"), _attribute(node, "extension")
        if root and not node.get("nullFlavor"):
            yield {"root": root, "extension": extension} if extension else {"root": root}


def _code(node: etree._Element | None) -> dict[str, str]:
    found = {"code": "code", "codeSystem": "system", "displayName": "display"}
    return {ours: text for theirs, ours in found.items() if (text := _attribute(node, theirs))}


def _name(root: etree._Element, names: str) -> str:
    """A person's given names and family name; else what the name says as a whole, else the organization."""
    person = _first(root, f"{names}/assignedPerson/name")
    if person is None:
        return _text(_first(root, f"{names}/representedOrganization/name"))
    parts = [*person.findall(_path("given")), *person.findall(_path("family"))]
    return " ".join(filter(None, map(_text, parts))) or _text(person)


def _replaced(root: etree._Element) -> dict[str, str]:
    """The document that this one replaces."""
    for related in root.findall(_path("relatedDocument")):
        if related.get("typeCode") == "RPLC":
            return next(_ids(related.findall(_path("parentDocument/id"))), {})
    return {}
