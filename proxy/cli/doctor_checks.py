"""What ``signproxy doctor`` tries, one subject a function. Nothing here raises for what it finds: a finding is the answer."""

import os
import secrets
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path

from cryptography import x509

from proxy.api.client_revocation import ClientRevocation
from proxy.api.pem import read_certificates, read_crls
from proxy.api.tls import server_context
from proxy.app import Services, open_services
from proxy.call import Call, Deadline
from proxy.errors import AlgorithmNotAllowed, ProxyError, SettingsError
from proxy.following import FollowedFiles
from proxy.model import Credential, Digest
from proxy.ports import Clock, SignerBackend
from proxy.settings import Settings
from proxy.signers.algorithms import capabilities
from proxy.spool import open_unnamed
from proxy.stores.opening import opened_stores
from proxy.stores.sealing import MessageSealer
from proxy.trust.certificate_warnings import EXPIRY_NOTICE, WarningCode, warnings_about
from proxy.trust.certificates import key_algorithm, read_certificate
from proxy.tsa.client import RFC3161Authority

_CLOCK_WARNING = timedelta(seconds=2)
"""genTime may be in whole seconds: less than this is no finding."""

_CLOCK_FAILURE = timedelta(seconds=60)

_SECONDS = 30.0
"""For each question to another system."""


class Verdict(StrEnum):
    """What a finding means for the service."""

    OK = "OK"
    WARNING = "WARNING"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing tried."""

    subject: str
    verdict: Verdict
    detail: str


async def examine(settings: Settings, clock: Clock) -> tuple[Finding, ...]:
    """Try everything, in the order in which a request would need it.

    Args:
        settings: The service's.
        clock: The machine's.
    """
    findings = [*_spool(settings), *_stores(settings), *_listener(settings, clock), *_clients(settings)]
    try:
        async with open_services(settings, clock) as services:
            findings += _trust(settings)
            findings += [finding async for finding in _tables(settings, services)]
            for backend in services.registry.backends:
                findings += [finding async for finding in _backend(services, backend)]
            for profile in services.tsa.profiles:
                for authority in profile.authorities:
                    findings += [finding async for finding in _authority(services.clock, profile.name, authority)]
            if not services.tsa.profiles:
                findings.append(Finding("tsa", Verdict.WARNING, "no time-stamping authority is set: ES-T cannot be made"))
    except SettingsError as error:
        findings.append(Finding("settings", Verdict.FAILED, error.detail))
    return tuple(findings)


def _spool(settings: Settings) -> Iterator[Finding]:
    directory = settings.spool.directory or Path(tempfile.gettempdir())
    try:
        os.close(open_unnamed(directory))
        free = shutil.disk_usage(directory).free
    except (OSError, ProxyError) as error:
        yield Finding("spool", Verdict.FAILED, f"{directory}: {error}")
        return
    yield Finding("spool", Verdict.OK, f"{directory} takes documents")
    if not _takes_unnamed(directory):
        yield Finding(
            "spool", Verdict.WARNING, f"{directory} has no files without a name (O_TMPFILE): a document has one for a moment"
        )
    needed = settings.limits.document_bytes * settings.limits.requests_in_flight
    if free < settings.limits.document_bytes:
        verdict, meaning = Verdict.FAILED, "less than one document at the limit"
    elif free < needed:
        verdict, meaning = Verdict.WARNING, f"less than the {_bytes(needed)} of all requests in flight at the limit"
    else:
        verdict, meaning = Verdict.OK, "enough for all requests in flight at the limit"
    yield Finding("spool", verdict, f"{_bytes(free)} free: {meaning}")


def _takes_unnamed(directory: Path) -> bool:
    if not hasattr(os, "O_TMPFILE"):
        return False
    try:
        os.close(os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o600))
    except OSError:
        return False
    return True


def _stores(settings: Settings) -> Iterator[Finding]:
    stores = settings.stores
    if stores.transaction_log is not None:
        yield _writable("transaction log", stores.transaction_log)
    if stores.certificates is not None:
        yield _writable("registered certificates", stores.certificates)
    if stores.idempotency is not None:
        yield _writable("idempotency keys", stores.idempotency)
    elif stores.dynamodb is None or stores.dynamodb.idempotency is None:
        yield Finding("idempotency keys", Verdict.OK, "refused: the settings name no place to keep what was done")
    if stores.sealing_key is None:
        return
    try:
        MessageSealer(stores.sealing_key)
    except SettingsError as error:
        yield Finding("sealing key", Verdict.FAILED, error.detail)


async def _tables(settings: Settings, services: Services) -> AsyncIterator[Finding]:
    """Opened as the service opens them: the log has one writer more, who wrote nothing."""
    if settings.stores.dynamodb is None:
        return
    try:
        async with opened_stores(settings, services.clock, services.links) as stores:
            yield Finding("transaction log", Verdict.OK, f"the table {settings.stores.dynamodb.transactions} is used")
            if stores.idempotency is not None:
                await stores.idempotency.replay(secrets.token_bytes(32))
                yield Finding("idempotency keys", Verdict.OK, f"the table {settings.stores.dynamodb.idempotency} is used")
    except ProxyError as error:
        yield Finding("tables", Verdict.FAILED, error.detail)


def _writable(subject: str, path: Path) -> Finding:
    # Not opened: a service that runs is at work on it.
    folder = path.parent
    if folder.is_dir() and os.access(path if path.exists() else folder, os.W_OK):
        return Finding(subject, Verdict.OK, f"{path} can be written")
    return Finding(subject, Verdict.FAILED, f"{path} cannot be written")


def _listener(settings: Settings, clock: Clock) -> Iterator[Finding]:
    listener = settings.listener
    try:
        server_context(listener)
    except SettingsError as error:
        yield Finding("listener", Verdict.FAILED, error.detail)
        return
    if listener.certificate is not None:
        yield Finding("listener", Verdict.OK, "certificate and key belong together")
        yield from _validity("listener certificate", listener.certificate, clock, only_first=True)
    if listener.client_ca is None:
        return
    yield from _validity("client CA", listener.client_ca, clock, only_first=False)
    if listener.client_crl is not None:
        yield from _client_crls(listener.client_crl, listener.client_ca, clock)


def _client_crls(path: Path, client_ca: Path, clock: Clock) -> Iterator[Finding]:
    try:
        ClientRevocation(path, client_ca, FollowedFiles())
        crls = read_crls(path)
    except SettingsError as error:
        yield Finding("client CRL", Verdict.FAILED, error.detail)
        return
    for crl in crls:
        name, following = crl.issuer.rfc4514_string(), crl.next_update_utc
        if following is not None and following <= clock.now():
            yield Finding("client CRL", Verdict.FAILED, f"{name}: out of date since {following:%Y-%m-%d}: clients are refused")
        else:
            until = "without an end" if following is None else f"until {following:%Y-%m-%d}"
            yield Finding("client CRL", Verdict.OK, f"{name}, {until}")


def _validity(subject: str, path: Path, clock: Clock, *, only_first: bool) -> Iterator[Finding]:
    try:
        certificates = read_certificates(path)
    except SettingsError as error:
        yield Finding(subject, Verdict.FAILED, error.detail)
        return
    for certificate in certificates[:1] if only_first else certificates:
        yield _until(subject, certificate, clock.now())


def _until(subject: str, certificate: x509.Certificate, now: datetime) -> Finding:
    name, end = certificate.subject.rfc4514_string(), certificate.not_valid_after_utc
    if now > end:
        return Finding(subject, Verdict.FAILED, f"{name} expired on {end:%Y-%m-%d}")
    if now < certificate.not_valid_before_utc:
        return Finding(subject, Verdict.FAILED, f"{name} is valid from {certificate.not_valid_before_utc:%Y-%m-%d} only")
    if end - now < EXPIRY_NOTICE:
        return Finding(subject, Verdict.WARNING, f"{name} expires on {end:%Y-%m-%d}, in {(end - now).days} days")
    return Finding(subject, Verdict.OK, f"{name}, until {end:%Y-%m-%d}")


def _clients(settings: Settings) -> Iterator[Finding]:
    if not settings.clients:
        yield Finding("clients", Verdict.WARNING, "no client is enrolled: every call will be refused")
        return
    idle = [client.name for client in settings.clients if not client.operations]
    yield Finding("clients", Verdict.OK, f"{len(settings.clients)} enrolled")
    if idle:
        yield Finding("clients", Verdict.WARNING, f"without any grant: {', '.join(idle)}")


def _trust(settings: Settings) -> Iterator[Finding]:
    if settings.trust.anchors:
        yield Finding("trust anchors", Verdict.OK, f"{len(settings.trust.anchors)} files")
    else:
        yield Finding("trust anchors", Verdict.WARNING, "none is set: any consistent chain of a signing certificate will do")
    if settings.revocation.source == "off":
        yield Finding("revocation", Verdict.WARNING, "switched off: revoked certificates go on signing")


def _call(clock: Clock) -> Call:
    return Call(str(uuid.uuid4()), "", "doctor", clock.now(), Deadline.after(_SECONDS))


async def _backend(services: Services, backend: SignerBackend) -> AsyncIterator[Finding]:
    subject = f"signer {backend.name}"
    try:
        state = await backend.maintenance(_call(services.clock))
        credentials = await backend.list_credentials(_call(services.clock))
    except ProxyError as error:
        yield Finding(subject, Verdict.FAILED, _said(error))
        return
    if state.in_maintenance:
        yield Finding(subject, Verdict.WARNING, f"in maintenance: {state.message or 'no reason given'}")
    listed = f"{len(credentials)} certificates" if credentials else "no certificate: nothing can be signed"
    yield Finding(subject, Verdict.OK if credentials else Verdict.WARNING, listed)
    usable = {credential.certificate_id for credential in credentials}
    for block in services.settings.credentials:
        if block.backend == backend.name and block.id not in usable:
            yield await _unusable(services, backend, block.id)
    for credential in credentials:
        async for finding in _credential(services, credential):
            yield finding


async def _unusable(services: Services, backend: SignerBackend, certificate_id: str) -> Finding:
    """Why the backend left a certificate of the settings out."""
    try:
        await backend.get_credential(_call(services.clock), certificate_id)
    except ProxyError as error:
        return Finding(f"certificate {certificate_id}", Verdict.FAILED, _said(error))
    return Finding(f"certificate {certificate_id}", Verdict.WARNING, "it could not be used a moment ago, and now can")


async def _credential(services: Services, credential: Credential) -> AsyncIterator[Finding]:
    subject, now = f"certificate {credential.certificate_id}", services.clock.now()
    try:
        certificate = read_certificate(credential.certificate)
        able = capabilities(certificate)
    except (ValueError, AlgorithmNotAllowed) as error:
        yield Finding(subject, Verdict.FAILED, str(error))
        return
    strange = sorted({*credential.sign_algorithms} - {*able.sign_algorithms})
    if strange:
        yield Finding(subject, Verdict.FAILED, f"its {key_algorithm(certificate)} key cannot make {', '.join(strange)}")
    try:
        checked = await services.checker.check(_call(services.clock), credential, now)
    except ProxyError as error:
        yield Finding(subject, Verdict.FAILED, _said(error))
        return
    checked_for = f"{len(checked.revocation)} revocation answers" if checked.revocation else "revocation not checked"
    said = f"{key_algorithm(certificate)}, chain of {len(checked.path)}, {checked_for}"
    until = _until(subject, certificate, now)
    yield Finding(subject, until.verdict, f"{until.detail}; {said}")
    for warning in warnings_about(certificate, now):
        if warning.code is WarningCode.RSA_2048_AFTER_2030:
            yield Finding(subject, Verdict.WARNING, warning.detail)


async def _authority(clock: Clock, profile: str, authority: RFC3161Authority) -> AsyncIterator[Finding]:
    subject = f"tsa {profile} ({authority.name})"
    imprint = Digest.of(secrets.token_bytes(32), authority.hash_algorithm)
    before = clock.now()
    try:
        token = await authority.timestamp(_call(clock), imprint)
    except ProxyError as error:
        yield Finding(subject, Verdict.FAILED, _said(error))
        return
    after = clock.now()
    took = (after - before).total_seconds() * 1000
    yield Finding(subject, Verdict.OK, f"token checked, policy {token.policy_oid}, {took:.0f} ms")
    yield _until(subject, read_certificate(token.tsa_certificate), after)
    yield _clock_offset(f"clock against {authority.name}", before, token.gen_time, after)


def _clock_offset(subject: str, before: datetime, gen_time: datetime, after: datetime) -> Finding:
    """How far ``gen_time`` is outside of the time that asking took."""
    if gen_time < before:
        offset, side = before - gen_time, "ahead of"
    else:
        offset, side = max(gen_time - after, timedelta(0)), "behind"
    if offset <= _CLOCK_WARNING:
        return Finding(subject, Verdict.OK, "agrees to two seconds")
    verdict = Verdict.FAILED if offset > _CLOCK_FAILURE else Verdict.WARNING
    return Finding(subject, verdict, f"this machine is {offset.total_seconds():.0f} s {side} it")


def _said(error: ProxyError) -> str:
    return f"{error.code}: {error.detail}"


def _bytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
