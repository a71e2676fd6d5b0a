"""All sections together."""

from pydantic import model_validator

from proxy.settings.base import Section
from proxy.settings.clients import ClientSettings
from proxy.settings.credentials import CredentialSettings
from proxy.settings.csc import CSCSettings
from proxy.settings.kms import KMSSettings
from proxy.settings.links import LinkSettings
from proxy.settings.pkcs11 import PKCS11Settings
from proxy.settings.secret_files import SecretFileSettings
from proxy.settings.service import (
    AdminSettings,
    EngineSettings,
    LimitSettings,
    ListenerSettings,
    LogSettings,
    MaintenanceSettings,
    ReloadSettings,
    SpoolSettings,
)
from proxy.settings.signers import CentralSettings, SoftwareSettings
from proxy.settings.stores import IdempotencySettings, StoreSettings
from proxy.settings.telemetry import TelemetrySettings
from proxy.settings.trust import RevocationSettings, TrustSettings, TSASettings
from proxy.settings.verification import VerificationSettings
from proxy.settings.warm_up import WarmUpSettings


class Settings(Section):
    """All of it. Defaults are the contract's."""

    secret_files: tuple[SecretFileSettings, ...] = ()
    listener: ListenerSettings
    admin: AdminSettings = AdminSettings()
    limits: LimitSettings = LimitSettings()
    links: LinkSettings = LinkSettings()
    reload: ReloadSettings = ReloadSettings()
    warm_up: WarmUpSettings = WarmUpSettings()
    engine: EngineSettings = EngineSettings()
    spool: SpoolSettings = SpoolSettings()
    central: CentralSettings | None = None
    software: SoftwareSettings | None = None
    csc: CSCSettings | None = None
    kms: KMSSettings | None = None
    pkcs11: PKCS11Settings | None = None
    credentials: tuple[CredentialSettings, ...] = ()
    tsa: tuple[TSASettings, ...] = ()
    revocation: RevocationSettings = RevocationSettings()
    trust: TrustSettings = TrustSettings()
    verification: VerificationSettings = VerificationSettings()
    stores: StoreSettings
    idempotency: IdempotencySettings = IdempotencySettings()
    maintenance: MaintenanceSettings = MaintenanceSettings()
    clients: tuple[ClientSettings, ...] = ()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        if all(section is None for section in (self.central, self.csc, self.kms, self.pkcs11, self.software)):
            raise ValueError("no signer: set central, csc, kms, pkcs11 or software")
        if self.revocation.source == "central" and self.central is None:
            raise ValueError('revocation.source = "central" needs the section central')
        if self.csc is None and any(section.kind == "csc" for section in self.tsa):
            raise ValueError('tsa.kind = "csc" needs the section csc')
        names = [client.name for client in self.clients]
        if len(names) != len(set(names)):
            raise ValueError("client names must be unique")
        return self

    @model_validator(mode="after")
    def _credentials_of_what_is_set(self) -> "Settings":
        ids = [credential.id for credential in self.credentials]
        if len(ids) != len(set(ids)):
            raise ValueError("credential ids must be unique")
        names = {client.name for client in self.clients}
        sections = {"kms": self.kms, "pkcs11": self.pkcs11, "software": self.software}
        for credential in self.credentials:
            if sections.get(credential.backend) is None:
                raise ValueError(f"the credential {credential.id} needs the section {credential.backend}")
            if unknown := sorted(set(credential.clients or ()) - names):
                raise ValueError(f"the credential {credential.id} names clients that are not enrolled: {', '.join(unknown)}")
        return self
