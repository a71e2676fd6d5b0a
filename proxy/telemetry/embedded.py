"""Metrics in log lines, for CloudWatch (Amazon CloudWatch User Guide, "Specification: Embedded metric format").

What a call measured rides on the line that is written for it anyway; gauges have a line of their own. CloudWatch Logs makes
metrics of both; no agent and no endpoint beside the log's is needed.

=======================  =====================================  ====================================
metric                   of                                     dimensions
=======================  =====================================  ====================================
``Calls``                every call                             none; ``Operation``; ``ResultCode``
``Milliseconds``         every call                             none; ``Operation``; ``ResultCode``
``Stage…``               its stages, milliseconds each          none; ``Operation``; ``ResultCode``
``RequestsWorking``      the service, now                       none
``RequestsWaiting``      the service, now                       none
``BreakersOpen``         the service, now                       none
``CertificateDaysLeft``  the signing certificate that ends next  none
=======================  =====================================  ====================================
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from proxy.call import Call

_CALLS = ((), ("Operation",), ("ResultCode",))
_NOW: Sequence[tuple[str, ...]] = ((),)


def of_call(namespace: str, call: Call, code: str | None, moment: datetime) -> dict[str, object]:
    """What to add to the log line of an ended call.

    Args:
        namespace: Of the metrics.
        call: It has ended.
        code: How it failed; ``None`` where it did not.
        moment: When.
    """
    times: dict[str, float] = {"Milliseconds": call.elapsed / 1e6}
    for span in call.spans:
        if span.kind == "stage":
            name = f"Stage{span.name[0].upper()}{span.name[1:]}"
            times[name] = times.get(name, 0.0) + (span.ended - span.begun) / 1e6
    units = {"Calls": "Count"} | dict.fromkeys(times, "Milliseconds")
    values: dict[str, object] = {"Calls": 1, "Operation": call.operation, "ResultCode": code or "OK"}
    return _line(namespace, units, values | {name: round(value, 3) for name, value in times.items()}, _CALLS, moment)


def of_gauges(namespace: str, values: Mapping[str, float], moment: datetime) -> dict[str, object]:
    """A log line's members that are these gauges, each by its metric's name."""
    units = {name: "None" if name.endswith("Left") else "Count" for name in values}
    return _line(namespace, units, dict(values), _NOW, moment)


def _line(
    namespace: str,
    units: Mapping[str, str],
    values: Mapping[str, object],
    dimensions: Sequence[tuple[str, ...]],
    moment: datetime,
) -> dict[str, object]:
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(names) for names in dimensions],
        "Metrics": [{"Name": name, "Unit": unit} for name, unit in units.items()],
    }
    return {"_aws": {"Timestamp": int(moment.timestamp() * 1000), "CloudWatchMetrics": [directive]}, **values}
