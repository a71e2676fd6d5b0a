"""One service, and a method for each operation of the contract."""

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from aiohttp.payload import JsonPayload

from proxy.client.answers import (
    Members,
    Operation,
    OperationPage,
    SignedDocument,
    TimestampedDocument,
    maintenance_from,
    octets,
    operation_from,
)
from proxy.client.certificate_calls import CertificateCalls, segment
from proxy.client.connection import Connection
from proxy.client.documents import DocumentExchange
from proxy.client.problems import AnswerInvalid
from proxy.client.requests import signing_call, timestamping_call, verification_call
from proxy.client.results import check_signed, check_timestamped
from proxy.client.transfer import DocumentUpload, Progress, ResultDownload
from proxy.client.verifications import Verification, verification_from
from proxy.client.wire import Wire, read_answer
from proxy.model import Digest, MaintenanceState, SignAlgorithm, SignatureRequest, TimestampRequest, VerificationRequest


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
        self._documents = DocumentExchange(self._wire, repeats)

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

        return await self._documents.send(
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

        return await self._documents.send(
            document,
            timestamping_call(request),
            check,
            output,
            whole=whole,
            overwrite=overwrite,
            progress=progress,
            key=idempotency_key,
        )

    async def verify(
        self,
        document: Path | BinaryIO,
        request: VerificationRequest | None = None,
        *,
        language: str = "en",
        progress: Progress | None = None,
    ) -> Verification:
        """Verify every signature and timestamp of one PDF (contract, operation 9).

        Args:
            document: As for :meth:`sign`.
            request: What is asked; ``None``: as of now, in short. The password goes in the body, never in the URL.
            language: Of the reasons' texts: ``en`` or ``ja``.
            progress: As for :meth:`sign`.

        Raises:
            OSError: The document cannot be read.
            ProxyError: As the class says. A document that fails verification is no error.
        """
        call = verification_call(request or VerificationRequest())
        return await self._documents.ask(document, call, verification_from, language=language, progress=progress)

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
        operation: str | None = None,
        document_sha256: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> OperationPage:
        """A page of this client's calls, newest first.

        Args:
            start: Not before; with a time zone, as ``end``.
            end: Before.
            result: A state or result code.
            certificate_id: Only calls that used it.
            operation: Only calls of it.
            document_sha256: Hex, of the document as it came or as it went.
            limit: Calls a page.
            cursor: ``next_cursor`` of the former page.
        """
        query = {
            "from": None if start is None else start.isoformat(),
            "to": None if end is None else end.isoformat(),
            "result": result,
            "certificateId": certificate_id,
            "operation": operation,
            "documentSha256": document_sha256,
            "limit": None if limit is None else str(limit),
            "cursor": cursor,
        }
        page = await self._wire.json(
            "GET", "/v1/operations", query={name: value for name, value in query.items() if value is not None}
        )
        return OperationPage(
            tuple(operation_from(item) for item in page.objects("operations")), page.optional_text("nextCursor")
        )
