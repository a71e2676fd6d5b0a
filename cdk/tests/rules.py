"""What must hold of every template, whatever made it: each rule gives the resources that break it."""

import json
from collections.abc import Callable, Iterator
from typing import Any

Template = dict[str, Any]
Rule = Callable[[Template], list[str]]


def resources(template: Template, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Logical id and properties of the resources of one type."""
    for name, resource in template["Resources"].items():
        if resource["Type"] == kind:
            yield name, resource.get("Properties", {})


def open_egress(template: Template) -> list[str]:
    """A security group lets nothing out to everywhere, nor leaves EC2's own rule that does."""
    found = []
    for name, group in resources(template, "AWS::EC2::SecurityGroup"):
        inline = group.get("SecurityGroupEgress", [])
        if not inline or any(_everywhere(rule) for rule in inline):
            found.append(name)
    return found + [name for name, rule in resources(template, "AWS::EC2::SecurityGroupEgress") if _everywhere(rule)]


def open_ingress(template: Template) -> list[str]:
    """Nor does one let everybody in."""
    found = [
        name
        for name, group in resources(template, "AWS::EC2::SecurityGroup")
        if any(_everywhere(rule) for rule in group.get("SecurityGroupIngress", []))
    ]
    return found + [name for name, rule in resources(template, "AWS::EC2::SecurityGroupIngress") if _everywhere(rule)]


def _everywhere(rule: dict[str, Any]) -> bool:
    return rule.get("CidrIp") == "0.0.0.0/0" or rule.get("CidrIpv6") == "::/0"


_WITHOUT_RESOURCE = {
    "ecr:GetAuthorizationToken",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def wildcards_in_roles(template: Template) -> list[str]:
    """A role's policy names actions and resources whole; only what AWS knows no resource for has none."""
    found = []
    for kind in ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::Role"):
        for name, properties in resources(template, kind):
            documents = [properties.get("PolicyDocument", {})]
            documents += [one["PolicyDocument"] for one in properties.get("Policies", [])]
            for statement in (one for document in documents for one in document.get("Statement", [])):
                actions = _listed(statement["Action"])
                wide = any("*" in action for action in actions)
                whole = "*" in json.dumps(statement.get("Resource", "*")) and not set(actions) <= _WITHOUT_RESOURCE
                if wide or whole:
                    found.append(name)
    return found


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def public_load_balancers(template: Template) -> list[str]:
    """A load balancer is internal."""
    kind = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    return [name for name, properties in resources(template, kind) if properties.get("Scheme") != "internal"]


def unencrypted_stores(template: Template) -> list[str]:
    """Logs, buckets, queues, tables and tasks' storage are encrypted; logs and storage by a key of the deployment's own."""
    found = [name for name, group in resources(template, "AWS::Logs::LogGroup") if "KmsKeyId" not in group]
    found += [name for name, bucket in resources(template, "AWS::S3::Bucket") if "BucketEncryption" not in bucket]
    found += [
        name
        for name, cluster in resources(template, "AWS::ECS::Cluster")
        if "FargateEphemeralStorageKmsKeyId" not in cluster.get("Configuration", {}).get("ManagedStorageConfiguration", {})
    ]
    found += [name for name, queue in resources(template, "AWS::SQS::Queue") if "KmsMasterKeyId" not in queue]
    found += [
        name
        for name, table in resources(template, "AWS::DynamoDB::GlobalTable")
        if not table.get("SSESpecification", {}).get("SSEEnabled")
    ]
    return found


def public_buckets(template: Template) -> list[str]:
    """A bucket blocks public access altogether."""
    whole = {"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"}
    return [
        name
        for name, bucket in resources(template, "AWS::S3::Bucket")
        if {key for key, value in bucket.get("PublicAccessBlockConfiguration", {}).items() if value} != whole
    ]


def containers_with_rights(template: Template) -> list[str]:
    """A container has a read-only root, a user that is not root, and no capability."""
    found = []
    for name, task in resources(template, "AWS::ECS::TaskDefinition"):
        for container in task["ContainerDefinitions"]:
            drops = container.get("LinuxParameters", {}).get("Capabilities", {}).get("Drop", [])
            user = str(container.get("User", "0"))
            if not container.get("ReadonlyRootFilesystem") or user.split(":")[0] in {"0", "root"} or drops != ["ALL"]:
                found.append(name)
    return found


def services_without_a_way_back(template: Template) -> list[str]:
    """A deployment that fails is rolled back."""
    wanted = {"Enable": True, "Rollback": True}
    return [
        name
        for name, service in resources(template, "AWS::ECS::Service")
        if service.get("DeploymentConfiguration", {}).get("DeploymentCircuitBreaker") != wanted
    ]


def secrets_in_clear(template: Template) -> list[str]:
    """No private key and no password stands in a template."""
    return [
        name
        for name, resource in template["Resources"].items()
        if "PRIVATE KEY" in json.dumps(resource) or '"password' in json.dumps(resource).lower()
    ]


RULES: tuple[Rule, ...] = (
    open_egress,
    open_ingress,
    wildcards_in_roles,
    public_load_balancers,
    unencrypted_stores,
    public_buckets,
    containers_with_rights,
    services_without_a_way_back,
    secrets_in_clear,
)


def broken(template: Template) -> dict[str, list[str]]:
    """The rules that are broken, each with the resources that break it."""
    return {rule.__name__: names for rule in RULES if (names := rule(template))}
