"""Metrics that ride on log lines, by the specification of CloudWatch's embedded metric format."""

import json
from datetime import UTC, datetime
from typing import Any

from proxy.telemetry.embedded import of_call, of_gauges
from tests.support.pki import new_call

MOMENT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def checked(line: dict[str, Any]) -> dict[str, str]:
    """Units by metric, after what the specification demands: every metric and dimension is a member of the line."""
    line = json.loads(json.dumps(line))
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert line["_aws"]["Timestamp"] == int(MOMENT.timestamp() * 1000)
    assert directive["Namespace"] == "SigningProxy"
    assert len(directive["Metrics"]) <= 100
    for names in directive["Dimensions"]:
        assert len(names) <= 30
        assert all(isinstance(line[name], str) for name in names)
    for metric in directive["Metrics"]:
        assert isinstance(line[metric["Name"]], int | float)
    return {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]}


def test_a_call_with_its_stages_each_once() -> None:
    call = new_call()
    for name in ("prepare", "sign", "sign", "validationData"):
        with call.stage(name), call.exchange("central"):
            pass
    line = of_call("SigningProxy", call, "TSA_ERROR", MOMENT)
    assert checked(line) == {
        "Calls": "Count",
        "Milliseconds": "Milliseconds",
        "StagePrepare": "Milliseconds",
        "StageSign": "Milliseconds",
        "StageValidationData": "Milliseconds",
    }
    assert (line["Calls"], line["Operation"], line["ResultCode"]) == (1, "es", "TSA_ERROR")
    signing = sum(span.ended - span.begun for span in call.spans if span.name == "sign")
    assert line["StageSign"] == round(signing / 1e6, 3)


def test_a_call_that_went_well_is_ok() -> None:
    assert of_call("SigningProxy", new_call(), None, MOMENT)["ResultCode"] == "OK"


def test_gauges() -> None:
    line = of_gauges("SigningProxy", {"RequestsWaiting": 3.0, "CertificateDaysLeft": 29.5}, MOMENT)
    assert checked(line) == {"RequestsWaiting": "Count", "CertificateDaysLeft": "None"}
