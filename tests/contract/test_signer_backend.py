"""The contract of ``proxy.ports.SignerBackend``, held against every backend there is.

Each value is judged by ``openssl pkeyutl -verify`` beside the proxy's own verification, and both must refuse it for another
digest.
"""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from proxy.errors import (
    AlgorithmNotAllowed,
    CertificateKeyMismatch,
    CertificateNotFound,
    DeadlineExceeded,
    InvalidParameter,
    KeyNotFound,
    NotSupported,
    SignatureInvalid,
)
from proxy.model import Digest, HashAlgorithm, SignAlgorithm
from proxy.signers.verification import verify_value
from proxy.trust.certificates import public_key_info
from tests.contract.benches import BENCHES, COALESCED, FURTHER, Bench, marks_of, public_key
from tests.contract.key_benches import KINDS
from tests.support.keys import ec_key, sign_digest
from tests.support.openssl_judge import Judge
from tests.support.pki import certificate_to, issue, new_call

COMBINATIONS = list(product(KINDS, SignAlgorithm, HashAlgorithm))
"""Every kind of key with every algorithm: what a key cannot do is refused."""

REMOTE = {"kms", "pkcs11", *COALESCED}
"""Benches that are slow to ask, or whose backend is there a second time: every day they answer for one key of each kind."""

LEAN = {
    ("rsa-2048", SignAlgorithm.RSASSA_PKCS1_V1_5, HashAlgorithm.SHA256),
    ("rsa-2048", SignAlgorithm.RSASSA_PSS, HashAlgorithm.SHA512),
    ("p256", SignAlgorithm.ECDSA, HashAlgorithm.SHA256),
    ("p256", SignAlgorithm.ECDSA, HashAlgorithm.SHA384),
}

WITHOUT_REGISTRATION = {"csc"}
"""Backends that issue their certificates themselves."""

EACH_BENCH = pytest.mark.parametrize(
    "bench", [pytest.param(name, marks=marks_of(name)) for name in (*BENCHES, *COALESCED, *FURTHER)], indirect=True
)
EACH_THAT_REGISTERS = pytest.mark.parametrize(
    "bench", [pytest.param(name, marks=marks_of(name)) for name in BENCHES if name not in WITHOUT_REGISTRATION], indirect=True
)


def _matrix() -> Iterator[object]:
    """Every combination at every bench: a lean part of it every day, and at each backend as it is every day."""
    for bench, (name, sign_algorithm, hash_algorithm) in product((*BENCHES, *COALESCED, *FURTHER), COMBINATIONS):
        daily = (name, sign_algorithm, hash_algorithm) in LEAN or (bench not in REMOTE and name not in {"rsa-3072", "rsa-4096"})
        marks = marks_of(bench) if daily else [*marks_of(bench), pytest.mark.full]
        named = f"{bench}-{name}-{sign_algorithm}-{hash_algorithm}"
        yield pytest.param((bench, (name,)), name, sign_algorithm, hash_algorithm, marks=marks, id=named)


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    folder = tmp_path / "judge"
    folder.mkdir()
    return Judge(folder)


@pytest.mark.parametrize(("bench", "name", "sign_algorithm", "hash_algorithm"), list(_matrix()), indirect=["bench"])
async def test_what_a_key_can_verifies_and_what_it_cannot_is_refused_unsent(
    bench: Bench, judge: Judge, name: str, sign_algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm
) -> None:
    certificate = bench.signers[name]
    credential = await bench.backend.get_credential(new_call(), bench.id_of(name))
    assert (set(credential.sign_algorithms), set(credential.hash_algorithms)) == bench.declares(name)
    digest, other = Digest.of(b"one", hash_algorithm), Digest.of(b"other", hash_algorithm)
    call = new_call()
    if sign_algorithm not in credential.sign_algorithms or hash_algorithm not in credential.hash_algorithms:
        with pytest.raises(AlgorithmNotAllowed):
            await bench.signer.sign_digests(call, credential, sign_algorithm, [digest])
        assert call.ledger.exchanges == ()
        return
    (value,) = await bench.signer.sign_digests(call, credential, sign_algorithm, [digest])
    verify_value(certificate, sign_algorithm, digest, value)
    assert judge.accepts(public_key_info(certificate), sign_algorithm, digest, value)
    with pytest.raises(SignatureInvalid):
        verify_value(certificate, sign_algorithm, other, value)
    assert not judge.accepts(public_key_info(certificate), sign_algorithm, other, value)


@EACH_BENCH
async def test_many_digests_are_answered_in_order(bench: Bench) -> None:
    credential = await bench.backend.get_credential(new_call(), bench.id_of("p256"))
    digests = [Digest.of(bytes([number]), HashAlgorithm.SHA256) for number in range(bench.backend.max_digests)]
    values = await bench.signer.sign_digests(new_call(), credential, SignAlgorithm.ECDSA, digests)
    assert len(values) == len(digests) == 100
    assert bench.signed is None or bench.signed() == 100 + bench.company
    for digest, value in zip(digests, values, strict=True):
        verify_value(credential.certificate, SignAlgorithm.ECDSA, digest, value)


@EACH_BENCH
async def test_numbers_of_digests_that_the_port_does_not_take(bench: Bench) -> None:
    credential = await bench.backend.get_credential(new_call(), bench.id_of("p256"))
    one = Digest.of(b"", HashAlgorithm.SHA256)
    for digests in ([], [one] * (bench.backend.max_digests + 1), [one, Digest.of(b"", HashAlgorithm.SHA512)]):
        with pytest.raises(ValueError, match="digests"):
            await bench.signer.sign_digests(new_call(), credential, SignAlgorithm.ECDSA, digests)


@EACH_BENCH
async def test_all_certificates_are_listed_with_chain_and_algorithms(bench: Bench) -> None:
    listed = {credential.certificate_id: credential for credential in await bench.backend.list_credentials(new_call())}
    expected = {bench.id_of(name): name for name in bench.signers}
    assert listed.keys() >= expected.keys()
    assert not bench.alone or listed.keys() == expected.keys()
    for certificate_id, name in expected.items():
        credential = listed[certificate_id]
        assert credential == await bench.backend.get_credential(new_call(), certificate_id)
        assert (credential.certificate, credential.chain) == (bench.signers[name], bench.chains[name])
        assert (set(credential.sign_algorithms), set(credential.hash_algorithms)) == bench.declares(name)
        assert credential.backend == bench.backend.name


@EACH_BENCH
async def test_an_unknown_id_is_not_found(bench: Bench) -> None:
    for unknown in ("nobody", "", ".", "..", "../p256", "p256/", "a b", "%2e%2e", "p256?x=y", "é", "x" * 300):
        with pytest.raises(CertificateNotFound):
            await bench.backend.get_credential(new_call(), unknown)


@EACH_THAT_REGISTERS
class TestRegistration:
    async def test_a_registered_certificate_signs_and_is_listed(self, bench: Bench, judge: Judge) -> None:
        issued = certificate_to(bench.spare, "Newly Issued", bench.pki.issuing)
        await bench.backend.list_credentials(new_call())
        made = await bench.backend.register_certificate(new_call(), bench.spare_id, issued, bench.pki.chain)
        assert (made.certificate, made.chain) == (issued, bench.pki.chain)
        digest = Digest.of(b"first", HashAlgorithm.SHA256)
        (value,) = await bench.signer.sign_digests(new_call(), made, SignAlgorithm.ECDSA, [digest])
        assert judge.accepts(public_key_info(issued), SignAlgorithm.ECDSA, digest, value)
        assert made.certificate_id in {entry.certificate_id for entry in await bench.backend.list_credentials(new_call())}
        again = await bench.backend.register_certificate(new_call(), bench.spare_id, issued, bench.pki.chain)
        assert again.certificate_id == made.certificate_id

    async def test_what_does_not_fit_is_refused_and_not_listed(self, bench: Bench) -> None:
        issued = certificate_to(bench.spare, "Newly Issued", bench.pki.issuing)
        stranger = certificate_to(public_key(ec.generate_private_key(ec.SECP256R1())), "Stranger", bench.pki.issuing)
        before = await bench.backend.list_credentials(new_call())
        for key_id, certificate, chain, kind in (
            ("nothing", issued, bench.pki.chain, KeyNotFound),
            (f"../{bench.spare_id}", issued, bench.pki.chain, KeyNotFound),
            (bench.spare_id, stranger, bench.pki.chain, CertificateKeyMismatch),
            (bench.spare_id, issued, (bench.pki.root.der,), InvalidParameter),
        ):
            with pytest.raises(kind):
                await bench.backend.register_certificate(new_call(), key_id, certificate, chain)
        assert await bench.backend.list_credentials(new_call()) == before


@pytest.mark.parametrize("bench", sorted(WITHOUT_REGISTRATION), indirect=True)
async def test_a_backend_that_takes_no_registrations_says_so(bench: Bench) -> None:
    issued = certificate_to(bench.spare, "Newly Issued", bench.pki.issuing)
    with pytest.raises(NotSupported):
        await bench.backend.register_certificate(new_call(), bench.spare_id, issued, bench.pki.chain)


@EACH_BENCH
async def test_there_is_no_maintenance(bench: Bench) -> None:
    assert not (await bench.backend.maintenance(new_call())).in_maintenance


@EACH_BENCH
async def test_a_call_whose_time_is_over_signs_nothing(bench: Bench) -> None:
    credential = await bench.backend.get_credential(new_call(), bench.id_of("p256"))
    with pytest.raises(DeadlineExceeded):
        await bench.signer.sign_digests(new_call(0), credential, SignAlgorithm.ECDSA, [Digest.of(b"", HashAlgorithm.SHA256)])


def test_the_judge_knows_the_keys_apart(judge: Judge) -> None:
    mine, other = issue("Mine", key=ec_key()), issue("Other")
    digest = Digest.of(b"", HashAlgorithm.SHA256)
    value = sign_digest(ec_key(), SignAlgorithm.ECDSA, digest)
    assert judge.accepts(public_key_info(mine.der), SignAlgorithm.ECDSA, digest, value)
    assert not judge.accepts(public_key_info(other.der), SignAlgorithm.ECDSA, digest, value)
