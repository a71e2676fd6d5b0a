"""All operations of one application, as the edge gets them."""

from dataclasses import dataclass

from proxy.operations.certificates import Certificates
from proxy.operations.hashes import HashSigning
from proxy.operations.health import Health
from proxy.operations.idempotency import Idempotency
from proxy.operations.journal import Journal
from proxy.operations.keys import Keys
from proxy.operations.maintenance import MaintenanceCheck
from proxy.operations.signing import DocumentSigning
from proxy.operations.timestamping import DocumentTimestamping
from proxy.operations.timestamps import TimestampRelay
from proxy.operations.verification import DocumentVerification
from proxy.operations.warm_up import WarmUp
from proxy.telemetry.recorder import Telemetry


@dataclass(frozen=True, slots=True)
class Operations:
    """One field an operation or group of them."""

    signing: DocumentSigning
    hashes: HashSigning
    timestamping: DocumentTimestamping
    verification: DocumentVerification
    timestamps: TimestampRelay
    certificates: Certificates
    keys: Keys
    maintenance: MaintenanceCheck
    journal: Journal
    idempotency: Idempotency
    health: Health
    telemetry: Telemetry
    warm_up: WarmUp
