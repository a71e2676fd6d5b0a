"""cdk-nag's rules (AwsSolutions) over an app, and each finding that stands, with its reason."""

from aws_cdk import Acknowledgment, App, Validations
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

FINDINGS: tuple[tuple[str, str, str], ...] = (
    (
        "Signing/Task/Resource",
        "AwsSolutions::AwsSolutions-ECS2",
        "The variable holds the settings' text. Secrets are named in it by their ARN and read by the task's role at run time.",
    ),
    (
        "Signing/Task/ExecutionRole/DefaultPolicy/Resource",
        "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
        "ecr:GetAuthorizationToken knows no resource; every other statement names the repository or the log group.",
    ),
    (
        "Signing/Task/TaskRole/DefaultPolicy/Resource",
        "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
        "X-Ray's actions know no resource; every other statement of the task's role names its secrets and keys.",
    ),
    (
        "AccessLogs/Resource",
        "AwsSolutions::AwsSolutions-S1",
        "It is the bucket of access logs itself.",
    ),
)
"""Path below the stack, finding, reason."""


def check(app: App) -> None:
    """Have everything in ``app`` checked at synthesis; a finding without an acknowledgment makes it fail."""
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))


def acknowledge(stack: IConstruct) -> None:
    """Say why what was found in ``stack`` may be so."""
    for path, finding, reason in FINDINGS:
        construct: IConstruct | None = stack
        for part in path.split("/"):
            construct = None if construct is None else construct.node.try_find_child(part)
        if construct is not None:
            Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))
