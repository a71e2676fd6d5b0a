"""The settings that the CDK app gives the service, read by the service itself."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from proxy.settings import Settings

SNAPSHOTS = Path(__file__).parents[2] / "cdk" / "tests" / "snapshots"


def container(shape: str) -> dict[str, Any]:
    """The service's container in a shape's task."""
    template = json.loads((SNAPSHOTS / f"production-{shape}.template.json").read_text("utf-8"))
    tasks = [one for one in template["Resources"].values() if one["Type"] == "AWS::ECS::TaskDefinition"]
    found = {one["Name"]: one for one in tasks[0]["Properties"]["ContainerDefinitions"]}["proxy"]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("shape", ["central", "cloudhsm", "kms"])
def test_the_service_takes_them_and_its_files_come_from_secrets(shape: str) -> None:
    made = container(shape)
    (variable,) = made["Environment"]
    assert made["Command"] == ["serve", "--settings", f"env:{variable['Name']}"]
    settings = Settings.model_validate(tomllib.loads(variable["Value"]))
    written = {file.path for file in settings.secret_files}
    listener = settings.listener
    assert {listener.certificate, listener.key, listener.client_ca} <= written
    assert listener.port == made["PortMappings"][0]["ContainerPort"]
    assert settings.limits.shutdown_seconds < made["StopTimeout"]
    mounted = {Path(mount["ContainerPath"]) for mount in made["MountPoints"]}
    assert settings.spool.directory in mounted
    assert settings.stores.transaction_log is not None
    assert settings.stores.transaction_log.parent in mounted
    assert {path.parent for path in written} <= mounted
    assert settings.telemetry.embedded_metrics == "SigningProxy"
