"""Where a service's API is: its public endpoint, or one that the settings name (of a VPC, FIPS)."""

from ipaddress import ip_address

from proxy.errors import SettingsError
from proxy.outbound import origin


def checked_endpoint(setting: str, url: str) -> str:
    """The URL of an endpoint, with a slash at its end.

    Args:
        setting: Names it in the settings.
        url: As set.

    Raises:
        SettingsError: It is no URL, or neither ``https`` nor on loopback.
    """
    try:
        scheme, host, _ = origin(url)
    except ValueError as error:
        raise SettingsError(f"{setting} {url!r}: {error}") from error
    if scheme != "https" and not _is_loopback(host):
        raise SettingsError(f"{setting} {url!r}: https is needed beyond loopback")
    return url.rstrip("/") + "/"


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
