"""How each code of the contract is provoked over HTTP: a table, code by code, in the order of the error tree."""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from pyhanko.sign.fields import FieldMDPAction, MDPPerm, SeedLockDocument, SigSeedValFlags
from pyhanko.sign.fields import SigSeedValueSpec as SeedValues

from proxy import errors
from proxy.errors import ProxyError
from tests.end_to_end.services import FILE_BYTES
from tests.end_to_end.situations import (
    ES,
    Ask,
    Headers,
    Services,
    authority_killed,
    busy,
    central_killed,
    certified,
    encrypted,
    first_unanswered,
    hurried,
    key_of_another,
    locked,
    mandatory_seed,
    narrow_json,
    narrow_seal_image,
    of_size,
    registration,
    stopping,
    text_field,
    time_stamped,
    too_large_by_its_header,
    upload_that_stalls,
    visible,
)
from tests.support.calling import Answer
from tests.support.pdf_files import PdfFile, looping_page_tree, plain_file
from tests.support.seal_images import large_png, seal
from tests.support.signed_files import signed_by_others, with_field


@dataclass(frozen=True, slots=True)
class Provocation:
    """One way to a code.

    Attributes:
        name: What is wrong.
        begin: Opens what it takes, and gives what asks once, with the headers it is told to add.
        signatures: Digests that the central signer is given by one asking: none where the failure is knowable before.
        tokens: Timestamp tokens that are spent by one asking.
        slow: It takes seconds by its nature.
    """

    name: str
    begin: Callable[[Services], AbstractContextManager[Ask]]
    signatures: int = 0
    tokens: int = 0
    slow: bool = False


def way(name: str, ask: Callable[[Services, Headers], Answer], **spends: Any) -> Provocation:
    """A provocation that takes nothing but a request."""

    @contextmanager
    def begin(services: Services) -> Iterator[Ask]:
        yield lambda headers: ask(services, headers)

    return Provocation(name, begin, **spends)


def document(name: str, make: Callable[[bytes], bytes], form: str = "es", **query: str) -> Provocation:
    """A provocation by the document that is to be signed; ``make`` gets the invoice."""

    def ask(services: Services, headers: Headers) -> Answer:
        return services.sandbox.app.sign(make(services.invoice), form=form, headers=headers, query=query)

    return way(name, ask)


def certificate(name: str, certificate_id: str, **query: str) -> Provocation:
    """A provocation by the certificate, for documents and digests alike."""

    def ask(services: Services, headers: Headers) -> Answer:
        by_digest = services.sandbox.app.sign_hashes([bytes(32)], certificate_id, **query)
        by_document = services.sandbox.app.sign(services.invoice, certificate_id, headers=headers, query=query)
        assert by_digest.code == by_document.code
        return by_document

    return way(name, ask)


def central(certificate_id: str, *, calls: int = 1, slow: bool = False) -> Provocation:
    """A provocation by what the central signer does."""

    def ask(services: Services, headers: Headers) -> Answer:
        return services.misled.caller().sign(services.invoice, certificate_id, headers=headers)

    return way(f"central: {certificate_id}", ask, signatures=calls, slow=slow)


def authority(profile: str, *, tokens: int = 0, signatures: int = 1, slow: bool = False) -> Provocation:
    """A provocation by what the time-stamping authority does. It comes after the signature, which is therefore spent."""

    def ask(services: Services, headers: Headers) -> Answer:
        return services.narrow.caller().sign(services.invoice, form="es-t", headers=headers, tsaProfile=profile)

    return way(f"authority: {profile}", ask, signatures=signatures, tokens=tokens, slow=slow)


def app_with(**extra: str) -> Callable[[Services, Headers], Answer]:
    """The invoice, with more headers."""
    more = {name.replace("_", "-"): value for name, value in extra.items()}
    return lambda services, headers: services.sandbox.app.sign(services.invoice, headers={**headers, **more})


PROVOCATIONS: Mapping[type[ProxyError], list[Provocation]] = {
    # -- CallerError
    errors.InvalidParameter: [
        way(
            "no certificate named",
            lambda at, also: at.sandbox.app.ask(
                "POST", "/v1/signatures/es", at.invoice, headers={**also, "Content-Type": "application/pdf"}
            ),
        ),
        document("unknown parameter", lambda data: data, colour="red"),
        document("a field name with an empty part", lambda data: data, fieldName="a..b"),
        way(
            "no JSON",
            lambda at, also: at.sandbox.app.ask(
                "POST", "/v1/signatures/hash", b"{", headers={**also, "Content-Type": "application/json"}
            ),
        ),
    ],
    errors.InvalidDocument: [
        document("no PDF at all", lambda data: b"a letter"),
        document("nothing behind the header", lambda data: b"%PDF-1.7\n"),
        document("cut off", lambda data: data[: len(data) // 2]),
        document("a page tree without an end", lambda data: looping_page_tree()[:-40]),
    ],
    errors.PDFVersionUnsupported: [
        document("PDF 1.2", lambda data: PdfFile(plain_file().objects, b"1.2").with_table()),
        document("PDF 3.0", lambda data: PdfFile(plain_file().objects, b"3.0").with_table()),
        document("by its catalog", lambda data: plain_file(catalog=b"/Version/3.0").with_table()),
    ],
    errors.SealImageInvalid: [
        way("no image", visible({}, b"a letter")),
        way("cut off", visible({}, seal()[:60])),
        way("more pixels than anybody wants", visible({}, large_png())),
    ],
    errors.LengthMismatch: [way("another length", app_with(Document_Length="7"))],
    errors.DigestMismatch: [
        way("another digest", app_with(Content_Digest=f"sha-256=:{base64.b64encode(bytes(32)).decode()}:"))
    ],
    errors.LengthRequired: [
        way("no body", lambda at, also: at.sandbox.app.ask("POST", ES, headers=also)),
        way(
            "no digests",
            lambda at, also: at.sandbox.app.ask(
                "POST", "/v1/signatures/hash", headers={**also, "Content-Type": "application/json"}
            ),
        ),
    ],
    errors.TooLarge: [
        way("by its header", too_large_by_its_header),
        way(
            "by what comes",
            lambda at, also: at.misled.caller().ask(
                "POST", ES, repeat(bytes(1 << 16), 20), headers={**also, "Content-Type": "application/pdf"}
            ),
        ),
        way("JSON", lambda at, also: narrow_json(at, also, {"certificateId": "eseal-p256", "document": "A" * 100_000})),
        way("parameters", lambda at, also: narrow_json(at, also, {"certificateId": "eseal-p256", "reason": "A" * 13_000})),
        way("a seal image", narrow_seal_image),
        way(
            "digests",
            lambda at, also: at.narrow.caller().ask(
                "POST", "/v1/signatures/hash", b" " * 9_000, headers={**also, "Content-Type": "application/json"}
            ),
        ),
    ],
    errors.UnsupportedMediaType: [
        way("text", app_with(Content_Type="text/plain")),
        way("unnamed, and no PDF", lambda at, also: at.sandbox.app.ask("PUT", ES, b"PK\3\4" * 100, headers=also)),
        way("compressed", app_with(Content_Encoding="gzip")),
    ],
    errors.NotAcceptable: [
        way("an image", app_with(Accept="image/png")),
        way(
            "JSON of an increment",
            lambda at, also: at.sandbox.app.sign(
                at.invoice, headers={**also, "Accept": "application/json"}, query={"return": "increment"}
            ),
        ),
    ],
    errors.MethodNotAllowed: [way("DELETE", lambda at, also: at.sandbox.app.ask("DELETE", "/v1/signatures/es", headers=also))],
    errors.NotFound: [way("nothing there", lambda at, also: at.sandbox.app.get("/v1/signatures/prepare", headers=also))],
    errors.CertificateNotFound: [
        certificate("nobody's", "nobody"),
        certificate("no path", "../eseal-p256"),
        central("gone-since"),
    ],
    errors.KeyNotFound: [way("nobody's", lambda at, also: registration(at, also, "nobody"))],
    errors.TSAProfileNotFound: [
        way("for a document", lambda at, also: at.sandbox.app.sign(at.invoice, form="es-t", headers=also, tsaProfile="nobody")),
    ],
    errors.TransactionNotFound: [
        way("nobody's", lambda at, also: at.sandbox.app.get("/v1/operations/0", headers=also)),
    ],
    errors.PDFEncrypted: [document("a password", encrypted)],
    errors.FieldExists: [
        document("signed before", lambda data: signed_by_others(data, "Taken"), fieldName="Taken"),
        document("a field for text", text_field, fieldName="Name"),
        document("below a field for text", text_field, fieldName="Name.Signature"),
    ],
    errors.FieldNotFound: [
        document("not there", lambda data: data, fieldName="Approval", existingFieldOnly="true"),
        document("none there", lambda data: data, existingFieldOnly="true"),
        document("two there", lambda data: with_field(with_field(data, "One"), "Two"), existingFieldOnly="true"),
    ],
    errors.AppearanceInvalid: [
        way("no such page", visible({"text": "承認", "page": 7})),
        way("outside the page", visible({"text": "承認", "x": 500})),
        way("nothing to be seen", visible({})),
        way("a letter no font has", visible({"text": "\U0001f58b"})),
        way("too small for its text", visible({"text": "承認" * 400, "width": 4, "height": 4})),
    ],
    errors.CertificateKeyMismatch: [
        way("another's key", lambda at, also: registration(at, also, "software:legal-person-p256"))
    ],
    # -- PolicyError
    errors.ClientCertificateRequired: [
        way("none", lambda at, also: at.sandbox.caller(None).sign(at.invoice, headers=also)),
    ],
    errors.ClientCertificateInvalid: [
        way("not enrolled", lambda at, also: at.sandbox.caller("stranger").sign(at.invoice, headers=also)),
        way("revoked", lambda at, also: at.sandbox.caller("revoked").sign(at.invoice, headers=also)),
    ],
    errors.CertificateNotPermitted: [
        way("another's", lambda at, also: at.narrow.caller("other").sign(at.invoice, "eseal-rsa", headers=also)),
        way("nobody's", lambda at, also: at.narrow.caller("other").sign(at.invoice, "nobody", headers=also)),
    ],
    errors.OperationNotPermitted: [
        way("ES", lambda at, also: at.sandbox.caller("other").sign(at.invoice, headers=also)),
        way("ES-T", lambda at, also: at.narrow.caller("other").sign(at.invoice, form="es-t", headers=also)),
    ],
    errors.MDPNotFirst: [
        document("signed", lambda data: signed_by_others(data, "Theirs"), form="mdp"),
        document("certified", lambda data: signed_by_others(data, "C", certify=MDPPerm.FILL_FORMS), form="mdp", docMdp="2"),
        way("time-stamped", lambda at, also: at.sandbox.app.sign(time_stamped(at), form="mdp", headers=also), tokens=1),
    ],
    errors.AlreadyTimestamped: [
        way(
            "by ourselves",
            lambda at, also: at.sandbox.app.timestamp(time_stamped(at), onAlreadyTimestamped="reject", headers=also),
            tokens=1,
        ),
    ],
    errors.NotExtendable: [
        way("not signed", lambda at, also: at.sandbox.app.timestamp(at.invoice, "ES_A", headers=also)),
        way(
            "signed by nobody known",
            lambda at, also: at.sandbox.app.timestamp(signed_by_others(at.invoice, "Theirs"), "ES_A", headers=also),
        ),
    ],
    errors.MDPLocked: [
        document("certified, to be extended", certified, form="es-t", ltv="true"),
        document("certified, to be archived", certified, form="es-a"),
        way("certified, to be time-stamped", lambda at, also: at.sandbox.app.timestamp(certified(at.invoice), headers=also)),
        document("certified", certified),
        document("locked", lambda data: locked(data, FieldMDPAction.INCLUDE, "Other", level=MDPPerm.NO_CHANGES)),
    ],
    errors.FieldLocked: [
        document("all fields", lambda data: locked(data, FieldMDPAction.ALL)),
        document("this field", lambda data: locked(data, FieldMDPAction.INCLUDE, "Mine"), fieldName="Mine"),
        document("all but another", lambda data: locked(data, FieldMDPAction.EXCLUDE, "Theirs"), fieldName="Mine"),
    ],
    errors.SeedValueConflict: [
        document("another sub-filter", mandatory_seed, fieldName="Seeded"),
        document(
            "a lock",
            lambda data: with_field(
                data,
                "Seeded",
                seed_values=SeedValues(flags=SigSeedValFlags.LOCK_DOCUMENT, lock_document=SeedLockDocument.LOCK),
            ),
            fieldName="Seeded",
        ),
    ],
    errors.CertificateExpired: [certificate("the leaf", "test-expired"), central("expired-since")],
    errors.CertificateNotYetValid: [certificate("the leaf", "test-not-yet-valid")],
    errors.CertificateRevoked: [
        certificate("the leaf", "test-revoked"),
        certificate("its issuer", "test-revoked-issuer"),
        central("revoked-since"),
    ],
    errors.AlgorithmNotAllowed: [
        certificate("PSS by a curve", "eseal-p256", signAlgorithm="RSASSA-PSS"),
        certificate("ECDSA by RSA", "eseal-rsa", signAlgorithm="ECDSA"),
        central("refuses-algorithm"),
    ],
    errors.NotSupported: [
        way(
            "an idempotency key where nothing is done",
            lambda at, also: at.sandbox.app.get("/v1/certificates", headers={**also, "Idempotency-Key": "once"}),
        )
    ],
    errors.IdempotencyConflict: [Provocation("another document", key_of_another)],
    errors.InProgress: [Provocation("the first has not ended", first_unanswered)],
    errors.ConcurrencyLimit: [Provocation("both slots taken", busy)],
    errors.RateLimit: [Provocation("twice in an hour", hurried)],
    errors.Maintenance: [
        way("its own", lambda at, also: at.maintained.caller().sign(at.invoice, headers=also)),
        central("maintained"),
    ],
    errors.ShuttingDown: [Provocation("told to stop", stopping)],
    # -- DependencyError
    errors.SignerError: [
        certificate("no anchor", "test-untrusted"),
        *(central(name) for name in ("one-too-few", "one-too-many", "no-base64", "no-json", "other-json", "html", "breaks")),
        *(central(name) for name in ("internal", "unheard-of", "redirects", "forbids", "misunderstands")),
        central("no-certificate", calls=0),
        central("chain-breaks", calls=0),
    ],
    errors.SignerUnavailable: [central("resets"), central("busy", calls=3), Provocation("killed", central_killed)],
    errors.SignatureInvalid: [central(name) for name in ("other-key", "other-digest", "raw-ecdsa", "short-rsa")],
    errors.TSAError: [
        *(
            authority(name)
            for name in ("wrong-nonce", "wrong-imprint", "other-policy", "rejects", "tampered", "html", "forbids")
        ),
    ],
    errors.TSAUnavailable: [
        authority("dead"),
        authority("hangs-up"),
        authority("breaks"),
        authority("hangs", slow=True),
        Provocation("killed", authority_killed, signatures=1),
    ],
    errors.RevocationUnavailable: [certificate("it names nobody to ask", "test-no-revocation")],
    errors.SpoolFull: [
        way(
            "before the end of the upload", lambda at, also: at.narrow.caller().sign(of_size(FILE_BYTES + 1_000), headers=also)
        ),
        way(
            "when the signature is appended",
            lambda at, also: at.narrow.caller().sign(of_size(FILE_BYTES - 1_000), headers=also),
        ),
    ],
    errors.DeadlineExceeded: [
        way("an upload that stalls", upload_that_stalls, slow=True),
        central("hangs", slow=True),
    ],
    # -- InternalError
    errors.InternalError: [authority("ever-larger", signatures=3)],
}
