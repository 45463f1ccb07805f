"""Files to learn from: requests in the columns of queries.csv, and the truth about them."""

from pathlib import Path

from interpayer.identity.bulk.columns import REQUIRED_OF_QUERY, Row, read_query
from interpayer.identity.bulk.files import as_row, open_table
from interpayer.identity.learning.labelling import Truth
from interpayer.identity.resolve import Query
from interpayer.model.reason import Refusal

REQUIRED_OF_TRUTH = ("query_id", "accept")
# What `expect` says where a release is right; without the column, whoever is named in `accept` is.
_MATCH = ("", "match", "certain")


def read_requests(path: Path, *, payer: str) -> dict[str, Query]:
    """Requests by query id; `Refusal` when columns are missing."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, rows = open_table(file, REQUIRED_OF_QUERY)
        found = (as_row(header, cells) for cells in rows)
        return {row["query_id"]: read_query(row, payer=payer) for row in found}


def read_truths(queries: Path, truth: Path, *, payer: str) -> list[Truth]:
    """Requests with the plan's own keys of whom they mean; `Refusal` when a request has no truth."""
    requests = read_requests(queries, payer=payer)
    with truth.open(newline="", encoding="utf-8-sig") as file:
        header, rows = open_table(file, REQUIRED_OF_TRUTH)
        accepted = {row["query_id"]: _accepted(row) for row in (as_row(header, cells) for cells in rows)}
    if missing := len(requests.keys() - accepted.keys()):
        raise Refusal("request.malformed", f"{missing} of {len(requests)} requests have no truth")
    return [Truth(query, accepted[query_id]) for query_id, query in requests.items()]


def _accepted(row: Row) -> frozenset[str]:
    if row.get("expect", "").lower() not in _MATCH:
        return frozenset()
    return frozenset(key for part in row["accept"].split(";") if (key := part.strip()))
