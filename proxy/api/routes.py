"""Every route of this version, declared once. What a later version adds is not here, answers 404 and is in no document."""

from typing import Final

from proxy import errors
from proxy.api import (
    document_timestamps,
    documentation,
    documents_out,
    failures,
    hashes,
    health,
    maintenance,
    signatures,
    timestamps,
    transactions,
    verifications,
)
from proxy.api.certificate_routes import CERTIFICATE_ROUTES
from proxy.api.context import Handler
from proxy.api.representations import (
    HashAnswer,
    MaintenanceAnswer,
    SignedDocumentAnswer,
    Status,
    TimestampedDocumentAnswer,
    Transaction,
    TransactionPage,
)
from proxy.api.route import Answer, CallRoute, OpenRoute, Route
from proxy.api.schemas import (
    DocumentParameters,
    DocumentTimestampParameters,
    ESAParameters,
    ESParameters,
    HashRequest,
    LTVParameters,
    MDPParameters,
    TimestampParameters,
    TransactionsQuery,
    VerificationParameters,
)
from proxy.api.verification_answers import VerificationAnswer
from proxy.errors import ProxyError
from proxy.settings import Operation

_DOCUMENT_ANSWERS: Final = (
    Answer(documents_out.PDF, description="The signed document."),
    Answer(documents_out.JSON, SignedDocumentAnswer, "Facts and document; the facts alone for a dry run."),
    Answer(documents_out.OCTETS, description="With return=increment: the bytes to append to the document as it was sent."),
)

_TIMESTAMP_ANSWERS: Final = (
    Answer(documents_out.PDF, description="The time-stamped document."),
    Answer(documents_out.JSON, TimestampedDocumentAnswer, "Facts and document; the facts alone for a dry run."),
    Answer(documents_out.OCTETS, description="With return=increment: the bytes to append to the document as it was sent."),
)

_DocumentCall = tuple[str, str, str, str, Operation, Handler, type[DocumentParameters], tuple[type[ProxyError], ...]]

_DOCUMENT_CALLS: Final[tuple[_DocumentCall, ...]] = (
    (
        "/v1/signatures/es",
        "SignatureES",
        "ES signature (PAdES-B-B)",
        "Signs a PDF. Verifiable until the signing certificate ends.",
        "es",
        signatures.sign_es,
        ESParameters,
        failures.SIGN_DOCUMENT,
    ),
    (
        "/v1/signatures/es-t",
        "SignatureEST",
        "ES-T signature (PAdES-B-T; with ltv PAdES-B-LT)",
        "Signs a PDF and time-stamps the signature; with ltv it adds validation data: verifiable about 10 years.",
        "es-t",
        signatures.sign_es_t,
        LTVParameters,
        (*failures.SIGN_DOCUMENT, *failures.TSA),
    ),
    (
        "/v1/signatures/mdp",
        "SignatureMDP",
        "MDP: certification signature (DocMDP)",
        "Certifies a PDF, as its first signature; with docMdp=1 nothing can be added afterwards.",
        "mdp",
        signatures.sign_mdp,
        MDPParameters,
        (*failures.SIGN_DOCUMENT, *failures.TSA, errors.MDPNotFirst),
    ),
    (
        "/v1/signatures/es-a",
        "SignatureESA",
        "ES-A signature (PAdES-B-LTA)",
        "Signs a PDF, adds validation data and a document timestamp over all of it: verifiable 10 years, and extendable.",
        "es-a",
        signatures.sign_es_a,
        ESAParameters,
        (*failures.SIGN_DOCUMENT, *failures.TSA, errors.NotExtendable),
    ),
    (
        "/v1/timestamps",
        "DocumentTimestamp",
        "Document timestamp, or archive extension of what is there",
        "purpose=DocTimeStamp: proves that the document existed. purpose=ES_A: prolongs every signature and timestamp in it.",
        "timestamp",
        document_timestamps.timestamp_document,
        DocumentTimestampParameters,
        (
            *failures.GRANTED,
            *failures.BODY,
            *failures.SLOT,
            *failures.TSA,
            errors.InvalidDocument,
            errors.PDFVersionUnsupported,
            errors.PDFEncrypted,
            errors.MDPLocked,
            errors.SpoolFull,
            errors.AlreadyTimestamped,
            errors.NotExtendable,
            errors.RevocationUnavailable,
        ),
    ),
)

CALL_ROUTES: Final[tuple[CallRoute, ...]] = (
    *(
        CallRoute(
            method,
            path,
            f"{method.lower()}{name}",
            summary,
            _DOCUMENT_ANSWERS if body is not DocumentTimestampParameters else _TIMESTAMP_ANSWERS,
            description,
            operation=operation,
            grant=operation,
            handler=handler,
            body=body,
            takes_document=True,
            in_maintenance_refused=True,
            takes_idempotency_key=True,
            errors=(*ends, *failures.KEYED),
        )
        for path, name, summary, description, operation, handler, body, ends in _DOCUMENT_CALLS
        for method in ("POST", "PUT")
    ),
    *(
        CallRoute(
            method,
            "/v1/verifications",
            f"{method.lower()}Verification",
            "Verification of every signature and timestamp of a PDF",
            (Answer("application/json", VerificationAnswer),),
            "A document that fails verification is an answer like any other, with result INVALID; so is one that is damaged. "
            "NOT_APPLICABLE: nothing in it is signed, or it is no PDF.",
            operation="verify",
            grant="verify",
            handler=verifications.verify_document,
            body=VerificationParameters,
            takes_document=True,
            in_maintenance_refused=True,
            errors=(*failures.GRANTED, *failures.BODY, *failures.SLOT, errors.PDFEncrypted, errors.SpoolFull),
        )
        for method in ("POST", "PUT")
    ),
    CallRoute(
        "POST",
        "/v1/signatures/hash",
        "signHashes",
        "Hash signatures",
        (Answer("application/json", HashAnswer, "One value a digest, in the order of the request."),),
        "Signature values over digests the caller computed: RSASSA-PKCS1-v1_5 and RSASSA-PSS values are octets as in PKCS #1, "
        "ECDSA values are DER. All or nothing.",
        operation="hash",
        grant="hash",
        handler=hashes.sign_hashes,
        body=HashRequest,
        in_maintenance_refused=True,
        takes_idempotency_key=True,
        errors=(
            *failures.GRANTED,
            *failures.BODY,
            *failures.SLOT,
            *failures.CERTIFICATE,
            *failures.SIGNER,
            *failures.SIGNING,
            *failures.KEYED,
        ),
    ),
    CallRoute(
        "POST",
        "/v1/timestamps/hash",
        "timestampHash",
        "Timestamp token on a digest (RFC 3161)",
        (Answer(timestamps.REPLY, description="TimeStampResp in DER, checked; a rejection by the authority as it stands."),),
        "RFC 3161 over HTTP. Imprint, nonce, policy and certReq travel on; extensions do not.",
        query=TimestampParameters,
        operation="timestamp-hash",
        grant="timestamp-hash",
        handler=timestamps.timestamp_hash,
        body_media_type=timestamps.QUERY,
        in_maintenance_refused=True,
        errors=(*failures.GRANTED, *failures.BODY, *failures.SLOT, *failures.TSA),
    ),
    *CERTIFICATE_ROUTES,
    CallRoute(
        "GET",
        "/v1/maintenance",
        "getMaintenance",
        "Is the service in maintenance",
        (Answer("application/json", MaintenanceAnswer),),
        operation="maintenance",
        grant=None,
        handler=maintenance.get_maintenance,
        errors=failures.SIGNER,
    ),
    CallRoute(
        "GET",
        "/v1/operations",
        "listOperations",
        "The caller's own transactions, newest first",
        (Answer("application/json", TransactionPage),),
        query=TransactionsQuery,
        operation="operations",
        grant=None,
        handler=transactions.list_transactions,
    ),
    CallRoute(
        "GET",
        "/v1/operations/{transactionId}",
        "getOperation",
        "What became of one call",
        (Answer("application/json", Transaction),),
        path_parameters={"transactionId": "Transaction-Id of the call."},
        operation="operations",
        grant=None,
        handler=transactions.get_transaction,
        errors=(errors.TransactionNotFound,),
    ),
)

OPEN_ROUTES: Final[tuple[OpenRoute, ...]] = (
    OpenRoute(
        "GET",
        "/healthz",
        "getLiveness",
        "Does this task live",
        (Answer("application/json", Status),),
        handler=health.live,
    ),
    OpenRoute(
        "GET",
        "/readyz",
        "getReadiness",
        "Does this task take calls (503 if not)",
        (Answer("application/json", Status),),
        handler=health.ready,
    ),
    OpenRoute(
        "GET",
        "/openapi.json",
        "getOpenAPI",
        "This document",
        (Answer("application/json"),),
        handler=documentation.get_openapi,
    ),
    OpenRoute(
        "GET",
        "/docs",
        "getDocumentation",
        "This document to read",
        (Answer("text/html"),),
        handler=documentation.get_page,
    ),
)

ROUTES: Final[tuple[Route, ...]] = (*CALL_ROUTES, *OPEN_ROUTES)
