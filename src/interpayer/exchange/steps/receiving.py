"""Requester, one answer: download, verify, and in the end acknowledge."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from interpayer.delivery.inbox import Announced, Inbox, Incoming
from interpayer.exchange import batch_store, store
from interpayer.exchange.durability.flow import step, tx_step
from interpayer.exchange.retry import PARTNER
from interpayer.exchange.steps.batching import partner_of, recheck, trail
from interpayer.exchange.steps.calling import called
from interpayer.exchange.tools import Tools
from interpayer.exchange.transitions import Move, move
from interpayer.model.event import JSON
from interpayer.model.exchange import State
from interpayer.partners.answers import read_manifest
from interpayer.partners.client import FileLink, Manifest, PartnerClient
from interpayer.system.database import Connection


@step("download", policy=PARTNER)
def download(tools: Tools, batch_id: str, place: int) -> dict[str, Any]:
    """Fetch one file into the inbox, resuming where it broke off; lines and checksum are verified."""
    with tools.database.transaction() as conn:
        batch = batch_store.batch(conn, batch_id)
        partner, endpoint = partner_of(conn, batch)
    manifest = _manifest(batch)
    link = links_of(manifest)[place]
    sent = trail(batch, str(place))

    def fetch(incoming: Incoming) -> None:
        called(
            tools,
            endpoint,
            lambda client: client.download(
                *(link.url, incoming),
                resume_from=incoming.resume_from,
                etag=incoming.etag,
                with_token=manifest.requires_access_token,
                trail=sent,
            ),
            partner=partner,
        )

    announced = Announced(link.count, link.sha256, link.gzip_sha256)
    received = inbox_of(tools, batch_id).download(file_name(place), fetch, announced)
    return {"type": link.type, "lines": received.lines, "sha256": received.sha256, "bytes": received.plain_length}


@tx_step("verify")
def verify(tools: Tools, conn: Connection, batch_id: str, files: Sequence[Mapping[str, Any]]) -> int:
    """Everything is here and whole; permission is asked once more before anything is taken in."""
    recheck(tools, conn, batch_id, (State.RECEIVING,))
    facts: dict[str, JSON] = {"files": [dict(f) for f in files]}
    batch_store.update_batch(conn, batch_id, details={"received": facts["files"]})
    moves = [
        Move(row["id"], State.RECONCILING, facts={"batch": batch_id, "files": len(files)})
        for row in store.of_batch(conn, batch_id, (State.RECEIVING,))
    ]
    move(conn, tools.ledger, moves)
    return len(moves)


@step("acknowledge", policy=PARTNER)
def acknowledge(tools: Tools, batch_id: str) -> None:
    """The final acknowledgement: we have everything, the partner's jobs may go; our inbox is emptied."""
    with tools.database.transaction() as conn:
        batch = batch_store.batch(conn, batch_id)
        partner, endpoint = partner_of(conn, batch)
    urls, sent = [batch[name] for name in ("export_url", "match_url") if batch[name]], trail(batch, "acknowledge")

    def let_go(client: PartnerClient) -> None:
        for url in urls:
            client.delete(url, trail=sent)

    if urls:
        called(tools, endpoint, let_go, partner=partner)
    for place in range(len(batch["details"]["received"])):
        inbox_of(tools, batch_id).remove(file_name(place))


@step("fetch_everything", policy=PARTNER)
def fetch_everything(tools: Tools, batch_id: str, exchange_id: str, *, place: int) -> dict[str, Any]:
    """The single way: `$everything` of one member, kept in the inbox as one file."""
    with tools.database.transaction() as conn:
        batch = batch_store.batch(conn, batch_id)
        partner, endpoint = partner_of(conn, batch)
        row = store.row_of(conn, exchange_id) or {}
    member = row["partner_member"]
    sent = replace(trail(batch, exchange_id), correlation_id=row["correlation_id"])

    def copy(client: PartnerClient, incoming: Incoming) -> None:
        incoming.restart()
        for page in client.everything(member, trail=sent):
            # a JSON string holds no raw line break, so a page becomes one line without touching its values
            incoming.write(page.replace(b"\r", b" ").replace(b"\n", b" ") + b"\n")

    def fetch(incoming: Incoming) -> None:
        called(tools, endpoint, lambda client: copy(client, incoming), partner=partner)

    received = inbox_of(tools, batch_id).download(file_name(place), fetch, Announced())
    return {"type": "Bundle", "lines": received.lines, "sha256": received.sha256, "bytes": received.plain_length}


def inbox_of(tools: Tools, batch_id: str) -> Inbox:
    """Where the files of a batch wait, encrypted, until they are taken in."""
    return Inbox(tools.objects, tools.vault.zone_key("inbox"), batch_id)


def _manifest(batch: Mapping[str, Any]) -> Manifest:
    return read_manifest(batch["details"]["manifest"], {})


def links_of(manifest: Manifest) -> list[FileLink]:
    """Files in the order in which they are taken in: Provenance late, for it speaks of the others; deletions last."""
    return [*sorted(manifest.output, key=lambda link: link.type == "Provenance"), *manifest.deleted]


def file_name(place: int) -> str:
    """The name of a file in the inbox."""
    return f"{place:04}"
