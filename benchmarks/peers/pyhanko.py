"""pyHanko as a library: what its documentation shows, kept warm in this process.

Stock pyHanko parses its key anew for each signature; with ``cached_key`` it has it ready, which is what an application would do
that signs often. Revocation data is fetched once and kept by its fetchers, trust anchors and time-stamping authority are those
of the sandbox.
"""

import asyncio
import os
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_der_private_key
from pyhanko.keys import load_cert_from_pemder
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.timestamps import HTTPTimeStamper
from pyhanko.stamp import BaseStampStyle
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.fetchers.requests_fetchers import RequestsFetcherBackend

from benchmarks.frame.case import Sample
from benchmarks.frame.measuring import timed
from benchmarks.frame.surroundings import PASSWORD, Surroundings
from proxy.model import BaselineLevel


class _CachedKey(SimpleSigner):
    """Has its key parsed."""

    def __init__(self, stock: SimpleSigner) -> None:
        super().__init__(stock.signing_cert, stock.signing_key, stock.cert_registry)
        key = load_der_private_key(stock.signing_key.dump(), None)
        assert isinstance(key, RSAPrivateKey)
        self._key = key

    def sign_raw(self, data: bytes, digest_algorithm: str) -> bytes:
        assert digest_algorithm == "sha256"
        return self._key.sign(data, PKCS1v15(), hashes.SHA256())


class PyHanko:
    """Signs files with the key that the sandbox's central signer has.

    Args:
        around: Whose sandbox.
        cached_key: Whether the key is parsed once.
    """

    def __init__(self, around: Surroundings, *, cached_key: bool = False) -> None:
        stock = SimpleSigner.load_pkcs12(str(around.pkcs12), passphrase=PASSWORD.encode())
        assert isinstance(stock, SimpleSigner)
        self._signer = _CachedKey(stock) if cached_key else stock
        self._timestamper = HTTPTimeStamper(around.sandbox.tsa)
        self._roots = [load_cert_from_pemder(str(path)) for path in around.sandbox.trust_anchors]
        self._fetchers = RequestsFetcherBackend().get_fetchers()

    def sign(
        self,
        document: Path,
        level: BaselineLevel = BaselineLevel.B_B,
        out: Path | None = None,
        *,
        style: BaseStampStyle | None = None,
        field: SigFieldSpec | None = None,
    ) -> Sample:
        """Sign a file, file to file, to a level of EN 319 142-1; visibly with ``style`` in ``field``."""
        target = out or document.with_suffix(".out")
        try:
            return timed(partial(self._sign, document, level, target, style, field), [os.getpid()])
        finally:
            if out is None:
                target.unlink(missing_ok=True)

    def _sign(
        self, document: Path, level: BaselineLevel, out: Path, style: BaseStampStyle | None, field: SigFieldSpec | None
    ) -> None:
        long_term = level in {BaselineLevel.B_LT, BaselineLevel.B_LTA}
        with document.open("rb") as file, out.open("w+b") as output:
            writer = IncrementalPdfFileWriter(file)
            # Of this moment, after the file is read: an answer that is issued later does not count for it.
            fetching = partial(ValidationContext, trust_roots=self._roots, allow_fetching=True, fetchers=self._fetchers)
            metadata = PdfSignatureMetadata(
                field_name="Signature1" if field is None else field.sig_field_name,
                subfilter=SigSeedSubFilter.PADES,
                md_algorithm="sha256",
                embed_validation_info=long_term,
                use_pades_lta=level is BaselineLevel.B_LTA,
                validation_context=fetching() if long_term else None,
            )
            timestamper = None if level is BaselineLevel.B_B else self._timestamper
            signer = PdfSigner(metadata, self._signer, timestamper=timestamper, stamp_style=style, new_field_spec=field)
            asyncio.run(signer.async_sign_pdf(writer, output=output))
