"""``/v1/operations``: what became of a call whose answer was lost. A client sees its own, and no other exists for it."""

from datetime import timedelta

from aiohttp import web

from proxy.api.answers import json_response
from proxy.api.context import Context
from proxy.api.representations import Transaction, TransactionPage
from proxy.api.schemas import NoParameters, TransactionsQuery
from proxy.model import TransactionQuery

KEY_LIFE = timedelta(hours=24)
"""How long an Idempotency-Key stands for its request (contract)."""


async def get_transaction(context: Context) -> web.StreamResponse:
    """One transaction's record, in its latest state."""
    context.query(NoParameters)
    transaction_id = context.request.match_info["transactionId"].lower()
    return json_response(Transaction.of(await context.operations.journal.get(context.grants.name, transaction_id)))


async def list_transactions(context: Context) -> web.StreamResponse:
    """A page of records, newest first."""
    query = context.query(TransactionsQuery)
    key, start = query.idempotency_key, query.from_
    if key is not None and start is None:
        start = context.edge.clock.now() - KEY_LIFE
    page = await context.operations.journal.find(
        TransactionQuery(
            client=context.grants.name,
            start=start,
            end=query.to,
            result=query.result,
            certificate_id=query.certificate_id,
            operation=query.operation,
            document_sha256=query.document_sha256,
            idempotency=None if key is None else context.operations.idempotency.tag(context.grants.name, key),
            limit=query.limit,
            cursor=query.cursor,
        )
    )
    return json_response(
        TransactionPage(operations=tuple(Transaction.of(record) for record in page.records), next_cursor=page.next_cursor)
    )
