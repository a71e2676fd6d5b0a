"""Keys in AWS KMS."""

import re

from pydantic import Field, model_validator

from proxy.settings.base import FilePath, PositiveSeconds, Section

_KMS_ID = "(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})"
_KMS_ALIAS = "alias/(?!aws/)[A-Za-z0-9/_-]{1,250}"
_KMS_ARN = f"arn:aws[a-z-]*:kms:(?P<region>[a-z0-9-]+):[0-9]{{12}}:(key/{_KMS_ID}|{_KMS_ALIAS})"
_KMS_REFERENCE = re.compile(f"{_KMS_ID}|{_KMS_ALIAS}|{_KMS_ARN}")


class KMSSettings(Section):
    """Keys in AWS KMS, in one region.

    ``keys`` may be used: key ids, aliases (``alias/seal``), or their ARNs; keys of other accounts by ARN. With
    ``create_under``, an alias prefix such as ``alias/seals/``, keys may be created below it, and those there may be used.
    ``endpoint_url`` is for VPC and FIPS endpoints. Credentials come from AWS's own chain: on ECS, the task's role.
    """

    region: str = Field(pattern="^[a-z]{2}(-[a-z]+)+-[0-9]+$")
    endpoint_url: str | None = None
    ca: FilePath | None = None
    keys: tuple[str, ...] = ()
    create_under: str | None = Field(None, pattern="^alias/[A-Za-z0-9/_-]{1,100}/$")
    timeout_seconds: PositiveSeconds = 5.0
    key_cache_seconds: float = Field(300.0, ge=0)

    @model_validator(mode="after")
    def _keys_of_the_region(self) -> "KMSSettings":
        if not self.keys and self.create_under is None:
            raise ValueError("name the keys, or set create_under")
        if self.create_under is not None and self.create_under.startswith("alias/aws/"):
            raise ValueError("alias/aws/ is reserved")
        for key in self.keys:
            found = _KMS_REFERENCE.fullmatch(key)
            if found is None:
                raise ValueError(f"{key!r} is no key id, alias or ARN of AWS KMS")
            if found["region"] not in {None, self.region}:
                raise ValueError(f"{key!r} is not in {self.region}")
        return self
