"""No template breaks a rule, and each rule sees it when one does."""

import json
from collections.abc import Callable

import pytest

from tests.conftest import Template, synthesised
from tests.rules import RULES, broken, resources


def test_no_template_breaks_a_rule(template: Template) -> None:
    assert broken(template) == {}


def _only(template: Template, kind: str) -> dict[str, object]:
    return next(resources(template, kind))[1]


def _open_egress(template: Template) -> None:
    _only(template, "AWS::EC2::SecurityGroupEgress")["CidrIp"] = "0.0.0.0/0"


def _default_egress(template: Template) -> None:
    del _only(template, "AWS::EC2::SecurityGroup")["SecurityGroupEgress"]


def _open_ingress(template: Template) -> None:
    _only(template, "AWS::EC2::SecurityGroupIngress")["CidrIp"] = "0.0.0.0/0"


def _wild_action(template: Template) -> None:
    _only(template, "AWS::IAM::Policy")["PolicyDocument"]["Statement"][0]["Action"] = "kms:*"  # type: ignore[index]


def _wild_resource(template: Template) -> None:
    _only(template, "AWS::IAM::Policy")["PolicyDocument"]["Statement"][0]["Resource"] = "*"  # type: ignore[index]


def _public(template: Template) -> None:
    _only(template, "AWS::ElasticLoadBalancingV2::LoadBalancer")["Scheme"] = "internet-facing"


def _log_in_clear(template: Template) -> None:
    del _only(template, "AWS::Logs::LogGroup")["KmsKeyId"]


def _bucket_in_clear(template: Template) -> None:
    del _only(template, "AWS::S3::Bucket")["BucketEncryption"]


def _spool_in_clear(template: Template) -> None:
    del _only(template, "AWS::ECS::Cluster")["Configuration"]


def _public_bucket(template: Template) -> None:
    _only(template, "AWS::S3::Bucket")["PublicAccessBlockConfiguration"]["BlockPublicAcls"] = False  # type: ignore[index]


def _root(template: Template) -> None:
    _only(template, "AWS::ECS::TaskDefinition")["ContainerDefinitions"][0]["User"] = "0"  # type: ignore[index]


def _writable(template: Template) -> None:
    _only(template, "AWS::ECS::TaskDefinition")["ContainerDefinitions"][0]["ReadonlyRootFilesystem"] = False  # type: ignore[index]


def _no_way_back(template: Template) -> None:
    _only(template, "AWS::ECS::Service")["DeploymentConfiguration"]["DeploymentCircuitBreaker"]["Rollback"] = False  # type: ignore[index]


def _secret(template: Template) -> None:
    container = _only(template, "AWS::ECS::TaskDefinition")["ContainerDefinitions"][0]  # type: ignore[index]
    container["Environment"].append({"Name": "KEY", "Value": "-----BEGIN PRIVATE KEY-----"})


MUTATIONS: tuple[tuple[Callable[[Template], None], str], ...] = (
    (_open_egress, "open_egress"),
    (_default_egress, "open_egress"),
    (_open_ingress, "open_ingress"),
    (_wild_action, "wildcards_in_roles"),
    (_wild_resource, "wildcards_in_roles"),
    (_public, "public_load_balancers"),
    (_log_in_clear, "unencrypted_stores"),
    (_bucket_in_clear, "unencrypted_stores"),
    (_spool_in_clear, "unencrypted_stores"),
    (_public_bucket, "public_buckets"),
    (_root, "containers_with_rights"),
    (_writable, "containers_with_rights"),
    (_no_way_back, "services_without_a_way_back"),
    (_secret, "secrets_in_clear"),
)


@pytest.mark.parametrize(("mutate", "rule"), MUTATIONS)
def test_a_stack_that_breaks_a_rule_is_found(mutate: Callable[[Template], None], rule: str) -> None:
    template = json.loads(synthesised("production-central"))
    mutate(template)
    assert list(broken(template)) == [rule]


def test_every_rule_has_its_mutation() -> None:
    assert {rule for _, rule in MUTATIONS} == {rule.__name__ for rule in RULES}
