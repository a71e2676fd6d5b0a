"""What an operator sets: one TOML file, overlaid by the environment, frozen once read.

The environment overlays single values: ``SIGNPROXY__LISTENER__PORT=8443`` sets ``listener.port``. Values are read as TOML
values where they parse as one, as text otherwise. Unknown keys are refused. Relative paths are relative to the file.
Secrets are references, never values: ``file:/run/secrets/pin`` or ``env:NAME``; files hold keys and certificates as PEM.
"""

from proxy.settings.base import FilePath, PositiveSeconds, Section
from proxy.settings.clients import ClientSettings, Operation
from proxy.settings.credentials import CredentialSettings, KeyBackendName
from proxy.settings.csc import CSCCredentialSettings, CSCSettings
from proxy.settings.kms import KMSSettings
from proxy.settings.links import LinkSettings
from proxy.settings.loading import PREFIX, announced_maintenance, load_settings
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
from proxy.settings.signers import KEY_ID, CentralSettings, KeyFileSettings, SoftwareSettings
from proxy.settings.stores import DynamoDBSettings, IdempotencySettings, SealingKMSSettings, StoreSettings
from proxy.settings.telemetry import TelemetrySettings
from proxy.settings.trust import RevocationSettings, TrustSettings, TSASettings
from proxy.settings.verification import AlgorithmSettings, TrustedListSettings, VerificationSettings
from proxy.settings.warm_up import WarmUpSettings
from proxy.settings.whole import Settings

__all__ = [
    "KEY_ID",
    "PREFIX",
    "AdminSettings",
    "AlgorithmSettings",
    "CSCCredentialSettings",
    "CSCSettings",
    "CentralSettings",
    "ClientSettings",
    "CredentialSettings",
    "DynamoDBSettings",
    "EngineSettings",
    "FilePath",
    "IdempotencySettings",
    "KMSSettings",
    "KeyBackendName",
    "KeyFileSettings",
    "LimitSettings",
    "LinkSettings",
    "ListenerSettings",
    "LogSettings",
    "MaintenanceSettings",
    "Operation",
    "PKCS11Settings",
    "PositiveSeconds",
    "ReloadSettings",
    "RevocationSettings",
    "SealingKMSSettings",
    "SecretFileSettings",
    "Section",
    "Settings",
    "SoftwareSettings",
    "SpoolSettings",
    "StoreSettings",
    "TSASettings",
    "TelemetrySettings",
    "TrustSettings",
    "TrustedListSettings",
    "VerificationSettings",
    "WarmUpSettings",
    "announced_maintenance",
    "load_settings",
]
