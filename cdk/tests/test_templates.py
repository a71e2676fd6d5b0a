"""The templates: the same each time, as they were, clean to cfn-lint, open to nobody but those that the page names."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, assertions
from aws_cdk import aws_s3 as s3
from signing_proxy_cdk.configuration import Configuration, ConfigurationError, Destination, load
from signing_proxy_cdk.observability import DEPENDENCY_CODES, QUERIES

from tests.conftest import CONFIGURATIONS, HERE, Template, synthesised
from tests.reachability import documented, ways
from tests.rules import resources

SNAPSHOTS = Path(__file__).parent / "snapshots"
DOCS = HERE.parent / "docs"


@pytest.mark.parametrize("shape", ["central", "cloudhsm", "kms"])
def test_as_it_was(shape: str) -> None:
    """UPDATE=1 writes the snapshots anew; read their difference before you commit it."""
    snapshot = SNAPSHOTS / f"production-{shape}.template.json"
    made = synthesised(f"production-{shape}")
    if os.environ.get("UPDATE"):
        SNAPSHOTS.mkdir(exist_ok=True)
        snapshot.write_text(made, "utf-8")
    assert json.loads(made) == json.loads(snapshot.read_text("utf-8"))


def test_the_same_each_time() -> None:
    once = synthesised("production-kms")
    synthesised.cache_clear()
    assert synthesised("production-kms") == once


def test_cfn_lint_finds_nothing(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.template.json"
    path.write_text(synthesised(name), "utf-8")
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--config-file", str(HERE / ".cfnlintrc"), "--", str(path)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


def test_cdk_nag_stops_what_is_not_acknowledged() -> None:
    from app import build

    app = App()
    stack = build(app, load({"config": "configurations/development-kms.json"}, HERE))
    s3.Bucket(stack, "Careless")
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()


def test_who_reaches_whom_is_what_the_page_says(name: str, template: Template) -> None:
    page = DOCS / "reachability.md"
    shape = name.partition("-")[2]
    assert ways(template) == documented(page, shape)


def test_a_way_that_the_page_does_not_name_is_found(template: Template, name: str) -> None:
    rule = next(resources(template, "AWS::EC2::SecurityGroupEgress"))[1]
    del rule["DestinationSecurityGroupId"]
    rule["CidrIp"] = "198.51.100.7/32"
    assert ways(template) != documented(DOCS / "reachability.md", name.partition("-")[2])


def test_no_way_to_the_internet_unless_one_is_asked_for(template: Template) -> None:
    kinds = {resource["Type"] for resource in template["Resources"].values()}
    assert not kinds & {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway"}


def test_endpoints_admit_this_account_alone_or_read_layers(template: Template) -> None:
    for name, endpoint in resources(template, "AWS::EC2::VPCEndpoint"):
        if "PolicyDocument" not in endpoint:
            assert "vpce-svc" in json.dumps(endpoint["ServiceName"]), name
            continue
        (statement,) = endpoint["PolicyDocument"]["Statement"]
        if endpoint["ServiceName"].endswith(".s3"):
            assert statement["Action"] == "s3:GetObject"
            assert "starport-layer-bucket" in json.dumps(statement["Resource"])
        else:
            assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": "111122223333"}}
            assert "*" not in json.dumps(statement["Action"])


def test_only_digests_are_signed_by_kms() -> None:
    template = assertions.Template.from_json(json.loads(synthesised("production-kms")))
    signing = {
        "Action": "kms:Sign",
        "Condition": {"StringEquals": {"kms:MessageType": "DIGEST"}},
        "Resource": "arn:aws:kms:ap-northeast-1:111122223333:key/11111111-1111-4111-8111-111111111111",
    }
    template.has_resource_properties(
        "AWS::IAM::Policy",
        {"PolicyDocument": {"Statement": assertions.Match.array_with([assertions.Match.object_like(signing)])}},
    )


def test_the_container_outlives_its_stop_and_has_room_for_its_spool(template: Template) -> None:
    task = next(resources(template, "AWS::ECS::TaskDefinition"))[1]
    container = task["ContainerDefinitions"][0]
    assert container["StopTimeout"] > 25, "limits.shutdown_seconds"
    assert task["EphemeralStorage"]["SizeInGiB"] * (1 << 30) > 30 * 200_000_000 * 1.25
    assert container["Image"] != ""
    assert "@sha256:" in json.dumps(container["Image"])


def test_client_certificates_are_verified_somewhere(name: str, template: Template) -> None:
    listener = next(resources(template, "AWS::ElasticLoadBalancingV2::Listener"))[1]
    if listener["Protocol"] == "HTTPS":
        assert listener["MutualAuthentication"]["Mode"] == "verify"
        assert listener["SslPolicy"].startswith("ELBSecurityPolicy-TLS13")
    else:
        assert listener["Protocol"] == "TCP"
        assert 'mode = \\"mutual-tls\\"' in json.dumps(template), name


def test_each_alarm_is_explained(template: Template) -> None:
    page = (DOCS / "operations.md").read_text("utf-8")
    alarms = [
        alarm["AlarmDescription"] for _, alarm in resources(template, "AWS::CloudWatch::Alarm") if "AlarmDescription" in alarm
    ]
    named = {found[1] for text in alarms if (found := re.search(r"docs/operations\.md, ([a-z-]+)$", text))}
    codes = {f"code-{code.lower().replace('_', '-')}" for code in DEPENDENCY_CODES}
    assert codes | {"upstream-saturated", "breaker-open", "certificate-expiry", "no-tasks"} <= named
    assert {alarm for alarm in named if f"`{alarm}`" not in page} == set()
    assert {query for query in QUERIES if f"`{query}`" not in page} == set()


def test_production_is_kept_and_development_goes(name: str, template: Template) -> None:
    policies = {
        resource.get("DeletionPolicy")
        for resource in template["Resources"].values()
        if resource["Type"] in {"AWS::Logs::LogGroup", "AWS::S3::Bucket", "AWS::KMS::Key"}
    }
    assert policies == ({"Retain"} if name.startswith("production") else {"Delete"})


TSA = Destination("tsa", "tsa.example.com", cidrs=("203.0.113.0/24",))
KMS_KEY = "arn:aws:kms:ap-northeast-1:111122223333:key/11111111-1111-4111-8111-111111111111"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"stage": "test"}, "stage"),
        ({"shape": "kms"}, "kms_keys"),
        ({"shape": "kms", "kms_keys": ("arn:aws:kms:*:1:key/*",)}, "whole ARNs"),
        ({"shape": "cloudhsm"}, "cloudhsm_cluster"),
        ({"shape": "central"}, "central"),
        ({"shape": "kms", "kms_keys": (KMS_KEY,), "destinations": (TSA,)}, "nat"),
        ({"callers": ("0.0.0.0/0",)}, "internet"),
        ({"image": "repository:latest"}, "digest"),
        ({"load_balancer": "nlb", "waf": True}, "waf"),
        ({"destinations": (Destination("central", "x"),)}, "cidrs or endpoint_service"),
    ],
)
def test_what_cannot_be_deployed_is_refused(values: dict[str, object], why: str) -> None:
    given = {"trust_store": {"bucket": "b", "key": "k"}, "server_certificate": "arn", **values}
    with pytest.raises(ConfigurationError, match=why):
        Configuration(**given)  # type: ignore[arg-type]


def test_an_unknown_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text('{"stag": "production"}')
    with pytest.raises(ConfigurationError, match="stag"):
        load({"config": "odd.json"}, tmp_path)


def test_what_is_neither_true_nor_false_is_refused() -> None:
    named = {"config": "configurations/development-kms.json"}
    assert load(named | {"nat": "true"}, HERE).nat
    with pytest.raises(ConfigurationError, match="nat"):
        load(named | {"nat": "yes"}, HERE)


def test_every_stage_and_shape_has_a_configuration() -> None:
    assert set(CONFIGURATIONS) == {
        f"{stage}-{shape}" for stage in ("development", "production") for shape in ("central", "cloudhsm", "kms")
    }


def test_a_nat_gateway_where_one_is_asked_for() -> None:
    from app import build

    configuration = load({"config": "configurations/development-kms.json"}, HERE)
    values = {key: getattr(configuration, key) for key in Configuration.__dataclass_fields__}
    app = App()
    stack = build(app, Configuration(**(values | {"nat": True, "destinations": (TSA,)})))
    template = assertions.Template.from_stack(stack)
    template.resource_count_is("AWS::EC2::NatGateway", 2)
    template.has_resource_properties(
        "AWS::EC2::SecurityGroupEgress", {"CidrIp": "203.0.113.0/24", "FromPort": 443, "ToPort": 443}
    )
