"""The contract of ``proxy.ports.SignerBackend``, held against every backend there is.

Each value is judged by ``openssl pkeyutl -verify`` beside the proxy's own verification, and both must refuse it for another
digest.
"""

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
from tests.contract.conftest import BACKENDS, KEYS, RSA, WITHOUT_REGISTRATION, Bench
from tests.support.keys import ec_key, sign_digest
from tests.support.openssl_judge import Judge
from tests.support.pki import SIGNER_USAGE, issue, new_call

COMBINATIONS = [
    (name, sign_algorithm, hash_algorithm)
    for name, hash_algorithm in product(KEYS, HashAlgorithm)
    for sign_algorithm in (RSA if name.startswith("rsa") else (SignAlgorithm.ECDSA,))
]


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    folder = tmp_path / "judge"
    folder.mkdir()
    return Judge(folder)


@pytest.mark.parametrize(("name", "sign_algorithm", "hash_algorithm"), COMBINATIONS, ids=str)
async def test_values_verify_by_openssl_and_by_the_proxy(
    bench: Bench, judge: Judge, name: str, sign_algorithm: SignAlgorithm, hash_algorithm: HashAlgorithm
) -> None:
    holder = bench.signers[name]
    credential = await bench.backend.get_credential(new_call(), name)
    digest, other = Digest.of(b"one", hash_algorithm), Digest.of(b"other", hash_algorithm)
    if name.startswith("rsa") and sign_algorithm not in bench.rsa:
        with pytest.raises(AlgorithmNotAllowed):
            await bench.backend.sign_digests(new_call(), credential, sign_algorithm, [digest])
        return
    (value,) = await bench.backend.sign_digests(new_call(), credential, sign_algorithm, [digest])
    verify_value(holder.der, sign_algorithm, digest, value)
    assert judge.accepts(public_key_info(holder.der), sign_algorithm, digest, value)
    with pytest.raises(SignatureInvalid):
        verify_value(holder.der, sign_algorithm, other, value)
    assert not judge.accepts(public_key_info(holder.der), sign_algorithm, other, value)


async def test_many_digests_are_answered_in_order(bench: Bench) -> None:
    credential = await bench.backend.get_credential(new_call(), "p256")
    digests = [Digest.of(bytes([number]), HashAlgorithm.SHA256) for number in range(bench.backend.max_digests)]
    values = await bench.backend.sign_digests(new_call(), credential, SignAlgorithm.ECDSA, digests)
    assert len(values) == len(digests) == 100
    assert bench.signed is None or bench.signed() == 100
    for digest, value in zip(digests, values, strict=True):
        verify_value(credential.certificate, SignAlgorithm.ECDSA, digest, value)


async def test_numbers_of_digests_that_the_port_does_not_take(bench: Bench) -> None:
    credential = await bench.backend.get_credential(new_call(), "p256")
    one = Digest.of(b"", HashAlgorithm.SHA256)
    for digests in ([], [one] * (bench.backend.max_digests + 1), [one, Digest.of(b"", HashAlgorithm.SHA512)]):
        with pytest.raises(ValueError, match="digests"):
            await bench.backend.sign_digests(new_call(), credential, SignAlgorithm.ECDSA, digests)


async def test_an_algorithm_the_key_cannot_do_is_refused(bench: Bench) -> None:
    for name, sign_algorithm in (("p256", SignAlgorithm.RSASSA_PSS), ("rsa-2048", SignAlgorithm.ECDSA)):
        credential = await bench.backend.get_credential(new_call(), name)
        with pytest.raises(AlgorithmNotAllowed):
            await bench.backend.sign_digests(new_call(), credential, sign_algorithm, [Digest.of(b"", HashAlgorithm.SHA256)])


async def test_all_certificates_are_listed_with_chain_and_algorithms(bench: Bench) -> None:
    listed = {credential.certificate_id: credential for credential in await bench.backend.list_credentials(new_call())}
    assert set(listed) == set(bench.signers)
    for name, credential in listed.items():
        assert credential == await bench.backend.get_credential(new_call(), name)
        assert (credential.certificate, credential.chain) == (bench.signers[name].der, bench.pki.chain)
        assert credential.sign_algorithms == (bench.rsa if name.startswith("rsa") else (SignAlgorithm.ECDSA,))
        assert set(credential.hash_algorithms) == set(HashAlgorithm)
        assert credential.backend == bench.backend.name


@pytest.mark.parametrize("unknown", ["nobody", "", ".", "..", "../p256", "p256/", "a b", "%2e%2e", "p256?x=y", "é", "x" * 300])
async def test_an_unknown_id_is_not_found(bench: Bench, unknown: str) -> None:
    with pytest.raises(CertificateNotFound):
        await bench.backend.get_credential(new_call(), unknown)


@pytest.mark.parametrize("bench", sorted(BACKENDS.keys() - WITHOUT_REGISTRATION), indirect=True)
class TestRegistration:
    async def test_a_registered_certificate_signs_and_is_listed(self, bench: Bench, judge: Judge) -> None:
        issued = issue("Newly Issued", bench.pki.issuing, key=bench.spare, extensions=[SIGNER_USAGE])
        await bench.backend.list_credentials(new_call())
        made = await bench.backend.register_certificate(new_call(), "spare", issued.der, bench.pki.chain)
        assert (made.certificate, made.chain) == (issued.der, bench.pki.chain)
        digest = Digest.of(b"first", HashAlgorithm.SHA256)
        (value,) = await bench.backend.sign_digests(new_call(), made, SignAlgorithm.ECDSA, [digest])
        assert judge.accepts(public_key_info(issued.der), SignAlgorithm.ECDSA, digest, value)
        assert made.certificate_id in {entry.certificate_id for entry in await bench.backend.list_credentials(new_call())}
        again = await bench.backend.register_certificate(new_call(), "spare", issued.der, bench.pki.chain)
        assert again.certificate_id == made.certificate_id

    async def test_what_does_not_fit_is_refused_and_not_listed(self, bench: Bench) -> None:
        issued = issue("Newly Issued", bench.pki.issuing, key=bench.spare, extensions=[SIGNER_USAGE])
        stranger = issue("Stranger", bench.pki.issuing, key=ec.generate_private_key(ec.SECP256R1()))
        before = await bench.backend.list_credentials(new_call())
        for key_id, certificate, chain, kind in (
            ("nothing", issued.der, bench.pki.chain, KeyNotFound),
            ("../spare", issued.der, bench.pki.chain, KeyNotFound),
            ("spare", stranger.der, bench.pki.chain, CertificateKeyMismatch),
            ("spare", issued.der, (bench.pki.root.der,), InvalidParameter),
        ):
            with pytest.raises(kind):
                await bench.backend.register_certificate(new_call(), key_id, certificate, chain)
        assert await bench.backend.list_credentials(new_call()) == before


@pytest.mark.parametrize("bench", sorted(WITHOUT_REGISTRATION), indirect=True)
async def test_a_backend_that_takes_no_registrations_says_so(bench: Bench) -> None:
    issued = issue("Newly Issued", bench.pki.issuing, key=bench.spare, extensions=[SIGNER_USAGE])
    with pytest.raises(NotSupported):
        await bench.backend.register_certificate(new_call(), "spare", issued.der, bench.pki.chain)


async def test_there_is_no_maintenance(bench: Bench) -> None:
    assert not (await bench.backend.maintenance(new_call())).in_maintenance


async def test_a_call_whose_time_is_over_signs_nothing(bench: Bench) -> None:
    credential = await bench.backend.get_credential(new_call(), "p256")
    with pytest.raises(DeadlineExceeded):
        await bench.backend.sign_digests(new_call(0), credential, SignAlgorithm.ECDSA, [Digest.of(b"", HashAlgorithm.SHA256)])


def test_the_judge_knows_the_keys_apart(judge: Judge) -> None:
    mine, other = issue("Mine", key=ec_key()), issue("Other")
    digest = Digest.of(b"", HashAlgorithm.SHA256)
    value = sign_digest(ec_key(), SignAlgorithm.ECDSA, digest)
    assert judge.accepts(public_key_info(mine.der), SignAlgorithm.ECDSA, digest, value)
    assert not judge.accepts(public_key_info(other.der), SignAlgorithm.ECDSA, digest, value)
