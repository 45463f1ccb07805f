"""The stories of a recall: told to those who got it, heard from those who gave it. Everything is idempotent."""

from interpayer.exchange.durability.flow import workflow
from interpayer.exchange.recalls import telling


@workflow("tell_recall")
def tell_recall(argument: str) -> str:
    """`<recall>/<partner>`: this recipient is told by machine, or a person sends the letter."""
    recall_id, _, partner_id = argument.partition("/")
    return telling.send_recall(recall_id, partner_id)


@workflow("take_back")
def take_back(exchange_id: str) -> str:
    """The plan's own systems learn that what this exchange brought is recalled."""
    return telling.take_back(exchange_id)


@workflow("hear_recall")
def hear_recall(notice_id: str) -> str:
    """A partner's notice is acted on; the answer goes by a story of its own."""
    return telling.hear(notice_id)


@workflow("answer_recall")
def answer_recall(argument: str) -> str:
    """`<recall>/<reply>`: the partner that told us learns what we did."""
    recall_id, _, reply = argument.partition("/")
    return telling.send_reply(recall_id, reply)
