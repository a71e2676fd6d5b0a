"""What a B-B signature costs beyond hashing the document and writing it to the spool once.

Both sides run in one process, in turns, several times; what counts is the ratio of their medians, since machines differ and are
shared. Signing stands for everything of the request but HTTP and the signer: spool, prepare, digest, attributes, CMS, embed,
check. The key is a throwaway RSA-2048 whose signing time is taken off, as it belongs to the signer.

    .venv/bin/python -m benchmarks.one_pass [--json FILE] [--rounds N]
"""

import argparse
import hashlib
import io
import itertools
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, sign_pdf

from proxy.model import Digest, HashAlgorithm, SignAlgorithm, ValidationData
from proxy.pades.checking import check_document
from proxy.pades.cms import signed_attributes, signed_data, signed_data_size, signer_identity
from proxy.pades.preparing import prepare_signature
from proxy.pades.values import CheckDocument, ExpectedSignature
from proxy.spool import CHUNK, SpooledDocument, open_unnamed
from tests.support.keys import rsa_key, self_signed, sign_digest
from tests.support.pdf_files import write_sized_file
from tests.support.signed_files import pyhanko_signer, request

SIZES = {"100 KB": 100_000, "10 MB": 10_000_000, "200 MB": 200_000_000}
_ALGORITHM, _HASH = SignAlgorithm.RSASSA_PKCS1_V1_5, HashAlgorithm.SHA256


def hash_and_spool(source: Path) -> float:
    """The floor: SHA-256 and one write, in the spool's pieces."""
    begun = time.perf_counter()
    running = hashlib.sha256()
    descriptor = open_unnamed(None)
    with source.open("rb", buffering=0) as file:
        while piece := file.read(CHUNK):
            running.update(piece)
            os.write(descriptor, piece)
    running.digest()
    os.close(descriptor)
    return time.perf_counter() - begun


def sign(source: Path) -> float:
    """Spool and sign, all stages."""
    identity = signer_identity(self_signed_once(), ())
    begun, at_the_signer = time.perf_counter(), 0.0
    with SpooledDocument(limit=1 << 40) as spool, source.open("rb", buffering=0) as file:
        while piece := file.read(CHUNK):
            spool.write(piece)
        room = signed_data_size(identity, _ALGORITHM, _HASH, None)
        with open(spool.descriptor, "r+b", closefd=False, buffering=1 << 16) as stream:
            prepared = prepare_signature(stream, request(room=room))
            digest = spool.digest_ranges(_HASH, [(spool.size, prepared.contents_start), (prepared.contents_end, prepared.end)])
            attributes = signed_attributes(digest, identity, _ALGORITHM)
            asked = time.perf_counter()
            value = sign_digest(rsa_key(), _ALGORITHM, Digest.of(attributes, _HASH))
            at_the_signer = time.perf_counter() - asked
            contents = signed_data(attributes, value, identity, _ALGORITHM, _HASH)
            spool.overwrite(prepared.contents_start + 1, contents.hex().encode())
            expected = ExpectedSignature(prepared, digest.value, _HASH.hashlib_name, contents)
            check_document(stream, CheckDocument(prepared.end, (expected,), ValidationData()))
        _ = spool.result_digest
    return time.perf_counter() - begun - at_the_signer


def sign_by_pyhanko(source: Path) -> float:
    """The same level with pyHanko alone, key loaded before, file to file."""
    signer = pyhanko_signer()
    metadata = PdfSignatureMetadata(field_name="Signature1", subfilter=SigSeedSubFilter.PADES, md_algorithm="sha256")
    with source.open("rb") as file, tempfile.TemporaryFile() as out:
        begun = time.perf_counter()
        sign_pdf(IncrementalPdfFileWriter(file), metadata, signer, output=out, bytes_reserved=8192)
        return time.perf_counter() - begun


_certificate: list[bytes] = []


def self_signed_once() -> bytes:
    """One certificate for all rounds."""
    if not _certificate:
        _certificate.append(self_signed(rsa_key()))
    return _certificate[0]


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description="One-pass signing against its floor and against pyHanko.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    sides: dict[str, Callable[[Path], float]] = {
        "hash + spool": hash_and_spool,
        "sign B-B": sign,
        "pyHanko B-B": sign_by_pyhanko,
    }
    rows = []
    for name, size in SIZES.items():
        with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
            document = io.BytesIO()
            write_sized_file(document, size, itertools.repeat(os.urandom(1 << 20)))
            file.write(document.getbuffer())
            file.flush()
            del document
            path = Path(file.name)
            times: dict[str, list[float]] = {side: [] for side in sides}
            for measure in sides.values():
                measure(path)  # warm-up
            for _ in range(arguments.rounds):
                for side, measure in sides.items():
                    times[side].append(measure(path))
        medians = {side: statistics.median(values) for side, values in times.items()}
        floor = medians["hash + spool"]
        rows.append({"size": name, **{side: round(value * 1000, 2) for side, value in medians.items()}})
        ratio = medians["sign B-B"] / floor
        print(
            f"{name:>7}  hash + spool {floor * 1000:8.1f} ms   sign {medians['sign B-B'] * 1000:8.1f} ms ({ratio:.2f} x floor)"
            f"   pyHanko {medians['pyHanko B-B'] * 1000:8.1f} ms ({medians['pyHanko B-B'] / medians['sign B-B']:.1f} x ours)"
        )
    print("Read the ratios, not the milliseconds: both sides ran in turns on this machine, now.")
    if arguments.json:
        machine = {"python": platform.python_version(), "machine": platform.machine(), "cpus": os.cpu_count()}
        arguments.json.write_text(json.dumps({"machine": machine, "milliseconds": rows}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
