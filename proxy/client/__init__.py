"""The Python client library: documents and digests to a signing proxy, over mutual TLS, in the contract's terms.

::

    from pathlib import Path
    from proxy.client import Connection, SigningClient
    from proxy.model import SignatureForm, SignatureRequest, TimestampPurpose, TimestampRequest

    connection = Connection(
        "https://127.0.0.1:8443", ca=Path("ca.pem"), client_certificate=Path("me.pem"), client_key=Path("me-key.pem")
    )
    async with SigningClient(connection) as client:
        request = SignatureRequest(SignatureForm.ES_T, certificate_id="company-seal", ltv=True)
        signed = await client.sign(Path("contract.pdf"), request, Path("contract.signed.pdf"))
        print(signed.level, signed.valid_until)
        prolong = TimestampRequest(TimestampPurpose.ES_A)
        await client.timestamp(Path("contract.signed.pdf"), prolong, Path("contract.archived.pdf"))

A failure is raised as the leaf of ``proxy.errors`` whose code the service named, with ``transaction_id`` set. What the service
did not name, because it was not reached or contradicts itself, is :class:`ServiceUnreachable`, :class:`ServiceProblem` or
:class:`AnswerInvalid`.
"""

from proxy.client.answers import (
    Certificate,
    CertificateChain,
    Key,
    Operation,
    OperationPage,
    ResultDocument,
    SignedDocument,
    TimestampedDocument,
)
from proxy.client.connection import Connection
from proxy.client.idempotency import idempotency_key_of
from proxy.client.problems import AnswerInvalid, ServiceProblem, ServiceUnreachable
from proxy.client.service import SigningClient
from proxy.client.transfer import Progress
from proxy.client.verifications import SignatureVerdict, Verification

__all__ = [
    "AnswerInvalid",
    "Certificate",
    "CertificateChain",
    "Connection",
    "Key",
    "Operation",
    "OperationPage",
    "Progress",
    "ResultDocument",
    "ServiceProblem",
    "ServiceUnreachable",
    "SignatureVerdict",
    "SignedDocument",
    "SigningClient",
    "TimestampedDocument",
    "Verification",
    "idempotency_key_of",
]
