"""One service, and a method for each operation of the contract."""

import asyncio
import base64
import hashlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, TypeVar

from aiohttp.payload import JsonPayload

from proxy.client.answers import (
    Members,
    Operation,
    OperationPage,
    ResultDocument,
    SignedDocument,
    TimestampedDocument,
    maintenance_from,
    octets,
    operation_from,
)
from proxy.client.certificate_calls import CertificateCalls, segment
from proxy.client.connection import Connection
from proxy.client.output import PendingFile
from proxy.client.problems import AnswerInvalid, ServiceUnreachable
from proxy.client.requests import DocumentCall, signing_call, timestamping_call
from proxy.client.results import check_signed, check_timestamped, expected_media_type
from proxy.client.transfer import DocumentUpload, Progress, ResultDownload, Unobserved
from proxy.client.wire import Wire, read_answer
from proxy.errors import InProgress, ProxyError
from proxy.model import Digest, MaintenanceState, SignAlgorithm, SignatureRequest, TimestampRequest

ResultT = TypeVar("ResultT", bound=ResultDocument)

_ASK_FIRST = 1_000_000
"""Bytes of a document above which the service is asked to let it in before it is sent (RFC 9110, 10.1.1)."""

_PAUSE = 0.5
"""Seconds before a call is made again."""

_Check = Callable[[DocumentUpload, ResultDownload | None, Mapping[str, str], Members | None], ResultT]
"""Holds an answer against its request: what went up, what came down, the headers, and the body of a dry run's answer."""


class SigningClient(CertificateCalls):
    """A signing proxy or central signer, by the contract's REST operations. Use as an asynchronous context manager.

    Nothing is repeated by itself unless ``repeats`` says so; every error names the transaction to ask for.

    Args:
        connection: Where it is, and the client certificate.
        limit: Connections at a time.
        repeats: How often a call whose answer was lost is made again, where document and output are paths. Such calls carry an
            Idempotency-Key, so that nothing is signed twice; the service must take them.

    Every method raises the leaf of ``proxy.errors`` the service named, :class:`~proxy.client.ServiceUnreachable`,
    :class:`~proxy.client.ServiceProblem`, :class:`~proxy.client.AnswerInvalid`, or ``DeadlineExceeded`` when
    ``connection.timeout_seconds`` are over.
    """

    def __init__(self, connection: Connection, *, limit: int = 30, repeats: int = 0) -> None:
        self._wire = Wire(connection, limit=limit)
        self._repeats = repeats

    async def __aenter__(self) -> "SigningClient":
        await self._wire.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._wire.close()

    # -- documents ----------------------------------------------------------------------------------------------------

    async def sign(
        self,
        document: Path | BinaryIO,
        request: SignatureRequest,
        output: Path | BinaryIO | None = None,
        *,
        whole: bool = False,
        overwrite: bool = False,
        progress: Progress | None = None,
        idempotency_key: str | None = None,
    ) -> SignedDocument:
        """Sign one PDF (contract, operations 3 to 6).

        Only the increment is downloaded and appended to a copy of the document, which is made while it is sent. What the result
        is, digest and level, is checked before it takes its name.

        Args:
            document: A file, or a stream read from where it stands.
            request: What to sign with. Free text, the password, the appearance and its seal go in the body, never in the URL.
                ``ltv`` is sent as it is: a certification with validation data, which the contract makes of a request that says
                nothing, is ``SignatureRequest(SignatureForm.MDP, …, ltv=True)``.
            output: A path that appears whole or not at all, or a stream that may hold a part after a failure;
                ``None`` for a dry run.
            whole: Whether to download the whole signed document instead.
            overwrite: Whether a file at ``output`` may be replaced.
            progress: Told of the bytes as they pass; of a repeat's too.
            idempotency_key: Under which the service does it once: the same call made again within 24 hours, by another process
                too, gets the same result. ``None``: a random one where the client repeats, else none.

        Raises:
            ValueError: A dry run with an output, or a signature without one.
            OSError: The document cannot be read or the output not be written; ``FileExistsError`` when it is there.
            ProxyError: As the class says.
        """

        def check(
            upload: DocumentUpload, download: ResultDownload | None, headers: Mapping[str, str], _: Members | None
        ) -> SignedDocument:
            return check_signed(request, upload, download, headers)

        return await self._to_file(
            document,
            signing_call(request),
            check,
            output,
            whole=whole,
            overwrite=overwrite,
            progress=progress,
            key=idempotency_key,
        )

    async def timestamp(
        self,
        document: Path | BinaryIO,
        request: TimestampRequest,
        output: Path | BinaryIO | None = None,
        *,
        whole: bool = False,
        overwrite: bool = False,
        progress: Progress | None = None,
        idempotency_key: str | None = None,
    ) -> TimestampedDocument:
        """Add a document timestamp to one PDF, or prolong what is in it (contract, operation 7).

        A document that is skipped, as it holds a timestamp already, comes out as it went in.

        Args:
            document: As for :meth:`sign`, like every other argument.
            request: What is asked for. The password goes in the body, never in the URL.
            output: As for :meth:`sign`.
            whole: Whether to download the whole result.
            overwrite: Whether a file at ``output`` may be replaced.
            progress: As for :meth:`sign`.
            idempotency_key: As for :meth:`sign`.

        Raises:
            ValueError, OSError, ProxyError: As for :meth:`sign`.
        """

        def check(
            upload: DocumentUpload, download: ResultDownload | None, headers: Mapping[str, str], facts: Members | None
        ) -> TimestampedDocument:
            return check_timestamped(request, upload, download, headers, facts)

        return await self._to_file(
            document,
            timestamping_call(request),
            check,
            output,
            whole=whole,
            overwrite=overwrite,
            progress=progress,
            key=idempotency_key,
        )

    async def _to_file(
        self,
        document: Path | BinaryIO,
        call: DocumentCall,
        check: "_Check[ResultT]",
        output: Path | BinaryIO | None,
        *,
        whole: bool,
        overwrite: bool,
        progress: Progress | None,
        key: str | None,
    ) -> ResultT:
        if call.dry_run != (output is None):
            raise ValueError("a dry run has no output, every other call has one")
        again = isinstance(document, Path) and (output is None or isinstance(output, Path))
        repeats = self._repeats if again else 0
        if key is None and repeats and not call.dry_run:
            key = str(uuid.uuid4())
        while True:
            try:
                return await self._to_file_once(
                    document, call, check, output, whole=whole, overwrite=overwrite, progress=progress, key=key
                )
            except (ServiceUnreachable, InProgress) as error:
                if repeats <= 0:
                    raise
                repeats -= 1
                await asyncio.sleep(_PAUSE if error.retry_after is None else error.retry_after)

    async def _to_file_once(
        self,
        document: Path | BinaryIO,
        call: DocumentCall,
        check: "_Check[ResultT]",
        output: Path | BinaryIO | None,
        *,
        whole: bool,
        overwrite: bool,
        progress: Progress | None,
        key: str | None,
    ) -> ResultT:
        with ExitStack() as files:
            source = files.enter_context(document.open("rb")) if isinstance(document, Path) else document
            pending = files.enter_context(PendingFile(output, overwrite=overwrite)) if isinstance(output, Path) else None
            target = pending.file if pending is not None else None if isinstance(output, Path) else output
            result = await self._to_stream(source, call, check, target, whole=whole, progress=progress or Unobserved(), key=key)
            if pending is not None:
                await asyncio.to_thread(pending.commit)
            return result

    async def _to_stream(
        self,
        source: BinaryIO,
        call: DocumentCall,
        check: "_Check[ResultT]",
        target: BinaryIO | None,
        *,
        whole: bool,
        progress: Progress,
        key: str | None,
    ) -> ResultT:
        increment = target is not None and not whole
        upload = DocumentUpload(source, media_type="application/pdf", progress=progress, copy_to=target if increment else None)
        query = {**call.query, "return": "increment"} if increment else call.query
        headers = {"Accept": expected_media_type(dry_run=target is None, increment=increment)}
        if upload.size is not None:
            headers["Document-Length"] = str(upload.size)
        if key is not None:
            headers["Idempotency-Key"] = key
        ask_first = upload.size is None or upload.size > _ASK_FIRST
        try:
            async with self._wire.exchange(
                "POST", call.path, query=query, headers=headers, body=call.body(upload), ask_first=ask_first
            ) as response:
                if not upload.complete:
                    raise AnswerInvalid("the service answered before it had the whole document")
                if target is None:
                    return check(upload, None, response.headers, Members.parse(await read_answer(response)))
                if increment:
                    download = ResultDownload(target, upload.running.copy())
                else:
                    download = ResultDownload(target, hashlib.sha256(), prefix=upload.sent)
                await download.take(response, progress)
                return check(upload, download, response.headers, None)
        except ProxyError as error:
            if upload.failure is not None:
                raise upload.failure from error
            raise

    # -- digests ------------------------------------------------------------------------------------------------------

    async def sign_hashes(
        self, certificate_id: str, digests: Sequence[Digest], sign_algorithm: SignAlgorithm | None = None
    ) -> tuple[bytes, ...]:
        """Signature values over digests, in their order, all or nothing (contract, operation 8). They are not verified here.

        Args:
            certificate_id: Whose key.
            digests: 1 to 100, all of one hash algorithm.
            sign_algorithm: ``None`` for the key's first choice.

        Raises:
            ValueError: No digest, or digests of several algorithms.
            ProxyError: As the class says.
        """
        if len({digest.algorithm for digest in digests}) != 1:
            raise ValueError("digests of exactly one hash algorithm are signed in one call")
        members: dict[str, object] = {
            "certificateId": certificate_id,
            "hashAlgorithm": digests[0].algorithm,
            "hashes": [base64.b64encode(digest.value).decode() for digest in digests],
        }
        if sign_algorithm is not None:
            members["signAlgorithm"] = sign_algorithm
        answer = await self._wire.json("POST", "/v1/signatures/hash", body=JsonPayload(members))
        values = answer.many("signatures", octets)
        if len(values) != len(digests):
            raise AnswerInvalid("the service gave another number of signatures than it was asked for")
        return values

    async def timestamp_hash(self, query: bytes, *, tsa_profile: str | None = None) -> bytes:
        """Relay an RFC 3161 request (contract, operation 8a).

        Args:
            query: DER of a ``TimeStampReq``.
            tsa_profile: ``None`` for the service's default.

        Returns:
            DER of the ``TimeStampResp``, a rejection included; nothing of it is checked here.
        """
        parameters = {} if tsa_profile is None else {"tsaProfile": tsa_profile}
        headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
        async with self._wire.exchange(
            "POST", "/v1/timestamps/hash", query=parameters, headers=headers, body=query
        ) as response:
            return await read_answer(response)

    # -- what the service knows ---------------------------------------------------------------------------------------

    async def maintenance(self) -> MaintenanceState:
        """Whether the service is in maintenance (contract, operation 10)."""
        return maintenance_from(await self._wire.json("GET", "/v1/maintenance"))

    async def operation(self, transaction_id: str) -> Operation:
        """What became of one of this client's calls."""
        return operation_from(await self._wire.json("GET", f"/v1/operations/{segment(transaction_id)}"))

    async def operations(
        self,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        result: str | None = None,
        certificate_id: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> OperationPage:
        """A page of this client's calls, newest first.

        Args:
            start: Not before; with a time zone, as ``end``.
            end: Before.
            result: A state or result code.
            certificate_id: Only calls that used it.
            limit: Calls a page.
            cursor: ``next_cursor`` of the former page.
        """
        query = {
            "from": None if start is None else start.isoformat(),
            "to": None if end is None else end.isoformat(),
            "result": result,
            "certificateId": certificate_id,
            "limit": None if limit is None else str(limit),
            "cursor": cursor,
        }
        page = await self._wire.json(
            "GET", "/v1/operations", query={name: value for name, value in query.items() if value is not None}
        )
        return OperationPage(
            tuple(operation_from(item) for item in page.objects("operations")), page.optional_text("nextCursor")
        )
