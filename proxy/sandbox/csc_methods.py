"""The API methods of the provider of remote signatures (CSC API v2.0, clause 11): parameters in, results out. No HTTP.

It is strict, so that a client can be tried on it: every error case of the specification has its answer, parameters that are not
in it are refused, and an authorization is held to its credential, its hashes, their number and its time.
"""

import asyncio
import base64
import binascii
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from asn1crypto import core, tsp

from proxy.sandbox.csc_credentials import (
    HASHES,
    IMPLIED_HASHES,
    RSASSA_PSS,
    HeldCredential,
    are_pss_parameters,
)
from proxy.sandbox.csc_deviations import Deviation, Fault
from proxy.sandbox.csc_grants import Grants, Refusal, SADEnded

Members = Mapping[str, Any]

POLLS = 2
"""Questions about what is underway, before it is done."""
_PAGE = 2


@dataclass(frozen=True, slots=True)
class Result:
    """What a method gives: members, with the status 200 or 202."""

    members: dict[str, object]
    status: int = 200


Method = Callable[[Members, str], Awaitable[Result]]
"""A method of the API: its parameters and the bearer's token in, its result out."""


@dataclass(slots=True)
class Provider:
    """A provider and its state.

    Attributes:
        credentials: What it holds.
        grants: What it gave out.
        client_id, client_secret: Who may have an access token.
        time_stamping: Gives the DER of a ``TimeStampResp`` for that of a ``TimeStampReq``; ``None`` where there is none.
        deviations: What it does otherwise.
        faults: What goes wrong, and how often still.
        signed: How many signatures were made.
        stamped: How many tokens.
    """

    credentials: Sequence[HeldCredential]
    grants: Grants
    client_id: str
    client_secret: str
    time_stamping: Callable[[bytes], Awaitable[bytes]] | None = None
    deviations: set[Deviation] = field(default_factory=set)
    faults: dict[Fault, float] = field(default_factory=dict)
    signed: int = 0
    stamped: int = 0

    def strikes(self, fault: Fault) -> bool:
        """Whether a fault is to happen now."""
        left = self.faults.get(fault, 0)
        if left <= 0:
            return False
        self.faults[fault] = left - 1
        return True

    def counts(self) -> dict[str, int]:
        """What was given out and made, since the start."""
        return {
            "signatures": self.signed,
            "timestamps": self.stamped,
            "authorizations": self.grants.given["authorizations"],
            "accessTokens": self.grants.given["accessTokens"],
        }

    def methods(self) -> dict[str, Method]:
        """By name."""
        methods: dict[str, Method] = {
            "credentials/list": self._list,
            "credentials/info": self._info,
            "credentials/authorize": self._authorize,
            "credentials/authorizeCheck": self._authorize_check,
            "signatures/signHash": self._sign_hash,
            "signatures/signPolling": self._sign_polling,
            "signatures/timestamp": self._timestamp,
        }
        if Deviation.CREDENTIAL_SCOPE in self.deviations:
            del methods["credentials/authorize"], methods["credentials/authorizeCheck"]
        return methods

    def info(self, base_url: str) -> dict[str, object]:
        """``info`` (11.1)."""
        return {
            "specs": "2.0.0.2",
            "name": "Sandbox provider of remote signatures",
            "logo": f"{base_url}/logo.png",
            "region": "JP",
            "lang": "en",
            "description": "Signs with development keys",
            "authType": ["oauth2client", "TLS"],
            "oauth2": f"{base_url}/",
            "asynchronousOperationMode": True,
            "methods": ["info", *self.methods()],
            "signAlgorithms": {"algos": [*IMPLIED_HASHES, RSASSA_PSS]},
            "signature_formats": {"formats": []},
            "conformance_levels": [],
        }

    async def _list(self, members: Members, _token: str) -> Result:
        paged = Deviation.PAGED in self.deviations
        _only(members, "credentialInfo", "certificates", "certInfo", "authInfo", "onlyValid", *_pages(paged=paged))
        shown: Sequence[HeldCredential] = self.credentials
        result: dict[str, object] = {}
        if paged:
            start = int(members.get("pageToken", "0"))
            size = min(members.get("maxResults", _PAGE), _PAGE)
            shown = self.credentials[start : start + size]
            if start + size < len(self.credentials):
                result["nextPageToken"] = str(start + size)
        result["credentialIDs"] = [held.credential_id for held in shown]
        if members.get("credentialInfo") and Deviation.LIST_WITHOUT_INFO not in self.deviations:
            cut = {Deviation.LIST_WITHOUT_CHAIN, Deviation.NO_CHAIN} & self.deviations
            result["credentialInfos"] = [
                {"credentialID": held.credential_id, **self._described(held, members, cut=bool(cut))} for held in shown
            ]
        return Result(result)

    async def _info(self, members: Members, _token: str) -> Result:
        _only(members, "credentialID", "certificates", "certInfo", "authInfo")
        held = self._held(members)
        return Result(self._described(held, members, cut=Deviation.NO_CHAIN in self.deviations))

    def _described(self, held: HeldCredential, members: Members, *, cut: bool) -> dict[str, object]:
        certificates = members.get("certificates", "single")
        if certificates not in {"none", "single", "chain"}:
            raise Refusal("invalid_request", "Invalid parameter certificates")
        return held.info(
            certificates="single" if cut and certificates == "chain" else certificates,
            authentication=bool(members.get("authInfo")),
            key_type_only=Deviation.KEY_TYPE_ONLY in self.deviations,
        )

    async def _authorize(self, members: Members, _token: str) -> Result:
        _only(members, "credentialID", "numSignatures", "hashes", "hashAlgorithmOID", "authData", "description")
        held = self._held(members)
        count = members.get("numSignatures")
        if not isinstance(count, int) or isinstance(count, bool):
            raise Refusal("invalid_request", "Missing (or invalid type) integer parameter numSignatures")
        if count < 1:
            raise Refusal("invalid_request", "Invalid value for parameter numSignatures")
        if count > held.multisign:
            raise Refusal("invalid_request", "Numbers of signatures is too high")
        hashes = None
        if "hashes" in members or held.scal == "2":
            hashes = self._hashes(members, _string(members, "hashAlgorithmOID"))
        pins = [entry.get("value") for entry in members.get("authData", ()) if entry.get("id") == "PIN"]
        if len(pins) != 1 or len(members["authData"]) != 1 or not isinstance(pins[0], str):
            raise Refusal("invalid_authentication_data", "The authentication data is invalid")
        self.grants.check_pin(held, pins[0])
        granted = self.grants.authorize(held, count, hashes)
        if Deviation.AUTHORIZE_LATER in self.deviations:
            return Result({"handle": self.grants.begin(POLLS, granted)}, 202)
        return Result(granted)

    async def _authorize_check(self, members: Members, _token: str) -> Result:
        _only(members, "handle")
        handle = _string(members, "handle")
        granted = self.grants.ask_on(handle, "handle")
        return Result({"handle": handle}, 202) if granted is None else Result(granted)

    async def _sign_hash(self, members: Members, token: str) -> Result:
        _only(members, "credentialID", "SAD", "hashes", "hashAlgorithmOID", "signAlgo", "signAlgoParams", "operationMode")
        held = self._held(members)
        sign_algo = _string(members, "signAlgo")
        if sign_algo not in held.algorithms(key_type_only=Deviation.KEY_TYPE_ONLY in self.deviations):
            raise Refusal("invalid_request", "Invalid parameter signAlgo")
        hash_oid = IMPLIED_HASHES.get(sign_algo) or _string(members, "hashAlgorithmOID")
        if sign_algo == RSASSA_PSS and not are_pss_parameters(_base64(_string(members, "signAlgoParams")), hash_oid):
            raise Refusal("invalid_request", "Invalid parameter signAlgoParams")
        if members.get("operationMode", "S") not in {"S", "A"}:
            raise Refusal("invalid_request", "Invalid parameter operationMode")
        hashes = self._hashes(members, hash_oid)
        if self.strikes(Fault.FAILING):
            raise Refusal("server_error", "An unexpected condition", 500)
        self._spend(members, token, held, hashes)
        answered = sorted(hashes) if Deviation.SORTED_ANSWERS in self.deviations else list(hashes)
        if self.strikes(Fault.OTHER_DIGEST):
            answered[-1] = bytes(reversed(answered[-1]))
        raw = Deviation.RAW_ECDSA in self.deviations
        self.signed += len(answered)
        values = [await asyncio.to_thread(held.sign, one, hash_oid, sign_algo, raw_ecdsa=raw) for one in answered]
        if self.strikes(Fault.TOO_FEW):
            values.pop()
        if self.strikes(Fault.TOO_MANY):
            values.append(values[-1])
        result: dict[str, object] = {"signatures": [base64.b64encode(value).decode() for value in values]}
        if self.strikes(Fault.ENDLESS):
            return Result({"responseID": self.grants.begin(math.inf, result)}, 202)
        if members.get("operationMode") == "A":
            return Result({"responseID": self.grants.begin(POLLS, result)})
        if Deviation.SIGN_LATER in self.deviations:
            return Result({"responseID": self.grants.begin(POLLS, result)}, 202)
        return Result(result)

    def _spend(self, members: Members, token: str, held: HeldCredential, hashes: Sequence[bytes]) -> None:
        """Hold a request to its authorization."""
        in_header = {Deviation.CREDENTIAL_SCOPE, Deviation.SAD_IN_HEADER} & self.deviations
        if in_header and "SAD" in members:
            raise Refusal("invalid_request", "SAD is in the token, and is not taken from the parameters too")
        if self.strikes(Fault.BAD_SAD):
            raise SADEnded("SAD expired")
        if Deviation.CREDENTIAL_SCOPE not in self.deviations:
            self.grants.spend(token if in_header else _string(members, "SAD"), held, hashes)

    async def _sign_polling(self, members: Members, _token: str) -> Result:
        _only(members, "requestID")
        result = self.grants.ask_on(_string(members, "requestID"), "requestID")
        if result is None:
            raise Refusal("accepted_request", "The previous async request has been accepted but not yet completed", 202)
        return Result(result)

    async def _timestamp(self, members: Members, _token: str) -> Result:
        _only(members, "hash", "hashAlgo", "nonce")
        algorithm = _string(members, "hashAlgo")
        if self.time_stamping is None:
            raise Refusal("invalid_request", "Not implemented", 501)
        imprint = _digest(_base64(_string(members, "hash")), algorithm, "hashAlgo")
        query = tsp.TimeStampReq(
            {
                "version": "v1",
                "message_imprint": {"hash_algorithm": {"algorithm": algorithm}, "hashed_message": imprint},
                "nonce": _nonce(members),
                "cert_req": True,
            }
        )
        status, *token = core.SequenceOf.load(await self.time_stamping(query.dump()), spec=core.Any)
        if not token:
            raise Refusal("invalid_request", f"The authority refuses: {status.parse(tsp.PKIStatusInfo).native}")
        self.stamped += 1
        return Result({"timestamp": base64.b64encode(token[0].dump()).decode()})

    def _held(self, members: Members) -> HeldCredential:
        credential_id = _string(members, "credentialID")
        held = next((one for one in self.credentials if one.credential_id == credential_id), None)
        if held is None:
            raise Refusal("invalid_request", "Invalid parameter credentialID")
        return held

    def _hashes(self, members: Members, hash_oid: str) -> list[bytes]:
        entries = members.get("hashes")
        if not isinstance(entries, list):
            raise Refusal("invalid_request", "Missing (or invalid type) array parameter hashes")
        if not entries:
            raise Refusal("invalid_request", "Empty hash array")
        url = Deviation.BASE64URL_HASHES in self.deviations
        return [_digest(_base64(entry, url=url), hash_oid, "hashAlgorithmOID") for entry in entries]


def _only(members: Members, *names: str) -> None:
    strange = members.keys() - {*names, "lang", "clientData"}
    if strange:
        raise Refusal("invalid_request", f"Unknown parameter {min(strange)}")


def _pages(*, paged: bool) -> tuple[str, ...]:
    return ("maxResults", "pageToken") if paged else ()


def _string(members: Members, name: str) -> str:
    value = members.get(name)
    if not isinstance(value, str) or not value:
        raise Refusal("invalid_request", f"Missing (or invalid type) string parameter {name}")
    return value


def _base64(text: object, *, url: bool = False) -> bytes:
    if not isinstance(text, str) or (url and set(text) & set("+/")):
        raise Refusal("invalid_request", "Invalid Base64 hash string parameter")
    try:
        return base64.b64decode(text, altchars=b"-_" if url else None, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refusal("invalid_request", "Invalid Base64 hash string parameter") from error


def _digest(value: bytes, hash_oid: str, parameter: str) -> bytes:
    if hash_oid not in HASHES:
        raise Refusal("invalid_request", f"Invalid parameter {parameter}")
    if len(value) != HASHES[hash_oid].digest_size:
        raise Refusal("invalid_request", "Invalid digest value length")
    return value


def _nonce(members: Members) -> int | None:
    try:
        return int(members["nonce"], 16) if "nonce" in members else None
    except (TypeError, ValueError) as error:
        raise Refusal("invalid_request", "Invalid parameter nonce") from error
