"""The registry of accredited time-stamping authorities (総務大臣認定時刻認証業務): a YAML file of facts that somebody read.

The Minister for Internal Affairs and Communications publishes who is accredited since when, and the certificates
(令和3年総務省告示第146号). What the registry does not tell is not known, unless it says that it is complete. Dates are those of
Japan, both included.
"""

from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from proxy.errors import SettingsError
from proxy.model import Accreditation, AccreditationRegistry

SHIPPED: Final = Path(__file__).with_name("accredited_tsas.yaml")
"""The registry that comes with the proxy."""

JAPAN: Final = timezone(timedelta(hours=9), "JST")

_Hash = Annotated[str, Field(pattern="^[0-9a-f]{64}$"), AfterValidator(str.lower)]


class _Entry(BaseModel):
    """One accredited service, as somebody read it at ``source`` on ``read_on``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    certificate_sha256: _Hash | None = None
    issuer_sha256: _Hash | None = None
    policy_oid: str | None = Field(None, pattern=r"^[0-2](\.[0-9]+)+$")
    accredited_from: date
    accredited_to: date | None = None
    source: str = Field(pattern="^https?://")
    read_on: date

    @model_validator(mode="after")
    def _identified(self) -> "_Entry":
        if (self.certificate_sha256 is None) == (self.issuer_sha256 is None):
            raise ValueError("name an authority by certificate_sha256 or by issuer_sha256")
        return self

    def accreditation(self) -> Accreditation:
        """The moments in which it holds: from the first day's midnight to the one after the last day."""
        ends = None if self.accredited_to is None else _midnight(self.accredited_to + timedelta(days=1))
        return Accreditation(
            authority=bytes.fromhex(self.certificate_sha256 or self.issuer_sha256 or ""),
            is_issuer=self.issuer_sha256 is not None,
            policy_oid=self.policy_oid,
            accredited_from=_midnight(self.accredited_from),
            accredited_to=ends,
        )


class _Registry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    complete: bool = False
    authorities: tuple[_Entry, ...] = ()


def load_accreditations(file: Path) -> AccreditationRegistry:
    """Read a registry.

    Raises:
        SettingsError: It cannot be read, or is not as ``docs/trust.md`` describes it; the message names each entry.
    """
    try:
        registry = _Registry.model_validate(yaml.safe_load(file.read_text("utf-8")) or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"{file}: the registry cannot be read: {error}") from error
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']}" for item in error.errors())
        raise SettingsError(f"{file}: {problems}") from error
    return AccreditationRegistry(tuple(entry.accreditation() for entry in registry.authorities), registry.complete)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), JAPAN)
