"""Calls with a document: it goes up once, and its result comes down, or an answer about it does.

A call whose answer was lost can be made again where document and output are paths.
"""

import asyncio
import hashlib
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import BinaryIO, TypeVar

import aiohttp

from proxy.client.answers import Members, ResultDocument
from proxy.client.output import PendingFile
from proxy.client.problems import AnswerInvalid, ServiceUnreachable
from proxy.client.requests import DocumentCall
from proxy.client.results import expected_media_type
from proxy.client.transfer import DocumentUpload, Progress, ResultDownload, Unobserved
from proxy.client.wire import Wire, read_answer
from proxy.errors import InProgress, ProxyError

ResultT = TypeVar("ResultT", bound=ResultDocument)
AnswerT = TypeVar("AnswerT")

_ASK_FIRST = 1_000_000
"""Bytes of a document above which the service is asked to let it in before it is sent (RFC 9110, 10.1.1)."""

_PAUSE = 0.5
"""Seconds before a call is made again."""

Check = Callable[[DocumentUpload, ResultDownload | None, Mapping[str, str], Members | None], ResultT]
"""Holds an answer against its request: what went up, what came down, the headers, and the body of a dry run's answer."""


class DocumentExchange:
    """Sends documents to one service.

    Args:
        wire: The connections to it.
        repeats: How often a call whose answer was lost is made again.
    """

    def __init__(self, wire: Wire, repeats: int) -> None:
        self._wire = wire
        self._repeats = repeats

    async def send(
        self,
        document: Path | BinaryIO,
        call: DocumentCall,
        check: "Check[ResultT]",
        output: Path | BinaryIO | None,
        *,
        whole: bool,
        overwrite: bool,
        progress: Progress | None,
        key: str | None,
    ) -> ResultT:
        """Send a document and keep its result, as :meth:`proxy.client.SigningClient.sign` says.

        Args:
            document: A file, or a stream read from where it stands.
            call: What is asked.
            check: Holds the answer against the request.
            output: A path, a stream, or ``None`` for a dry run.
            whole: Whether to download the whole result.
            overwrite: Whether a file at ``output`` may be replaced.
            progress: Told of the bytes as they pass.
            key: Idempotency-Key; ``None``: a random one where calls are repeated, else none.
        """
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
        check: "Check[ResultT]",
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
        check: "Check[ResultT]",
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
        if key is not None:
            headers["Idempotency-Key"] = key
        async with self._exchanged(upload, call, query, headers) as response:
            if target is None:
                return check(upload, None, response.headers, Members.parse(await read_answer(response)))
            if increment:
                download = ResultDownload(target, upload.running.copy())
            else:
                download = ResultDownload(target, hashlib.sha256(), prefix=upload.sent)
            await download.take(response, progress)
            return check(upload, download, response.headers, None)

    @asynccontextmanager
    async def _exchanged(
        self, upload: DocumentUpload, call: DocumentCall, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One call; the context's body runs with its answer. A document that cannot be read is told as that."""
        length = {} if upload.size is None else {"Document-Length": str(upload.size)}
        ask_first = upload.size is None or upload.size > _ASK_FIRST
        try:
            async with self._wire.exchange(
                "POST", call.path, query=query, headers={**headers, **length}, body=call.body(upload), ask_first=ask_first
            ) as response:
                if not upload.complete:
                    raise AnswerInvalid("the service answered before it had the whole document")
                yield response
        except ProxyError as error:
            if upload.failure is not None:
                raise upload.failure from error
            raise

    async def ask(
        self,
        document: Path | BinaryIO,
        call: DocumentCall,
        read: Callable[[Members], AnswerT],
        *,
        language: str,
        progress: Progress | None,
    ) -> AnswerT:
        """Send a document about which something is asked, and that stays as it is.

        Args:
            document: A file, or a stream read from where it stands.
            call: What is asked.
            read: Makes a value of the answer.
            language: For ``Accept-Language``.
            progress: Told of the bytes as they pass.
        """
        with ExitStack() as files:
            source = files.enter_context(document.open("rb")) if isinstance(document, Path) else document
            upload = DocumentUpload(source, media_type="application/pdf", progress=progress or Unobserved())
            headers = {"Accept": "application/json", "Accept-Language": language}
            async with self._exchanged(upload, call, call.query, headers) as response:
                return read(Members.parse(await read_answer(response)))
