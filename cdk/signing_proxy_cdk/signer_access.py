"""What the service may ask of the keys, by the deployment's shape; for each, nothing more than that."""

from collections.abc import Sequence

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from signing_proxy_cdk.network import Network

HSM_PORTS = (2223, 2225)


class KMSAccess(Construct):
    """Signatures over digests by named KMS keys."""

    def __init__(self, scope: Construct, construct_id: str, *, role: iam.IRole, keys: Sequence[str]) -> None:
        """Let ``role`` use ``keys`` (ARNs, of other accounts too, whose key policies must name the role)."""
        super().__init__(scope, construct_id)
        role.add_to_principal_policy(
            iam.PolicyStatement(
                sid="SignDigests",
                actions=["kms:Sign"],
                resources=list(keys),
                conditions={"StringEquals": {"kms:MessageType": "DIGEST"}},
            )
        )
        role.add_to_principal_policy(
            iam.PolicyStatement(sid="LookAtKeys", actions=["kms:DescribeKey", "kms:GetPublicKey"], resources=list(keys))
        )


class CloudHSMAccess(Construct):
    """The way to an existing CloudHSM cluster."""

    def __init__(
        self, scope: Construct, construct_id: str, *, network: Network, cluster_id: str, cluster_security_group: str
    ) -> None:
        """Open it on both sides: the cluster's own group gets a rule for the service's.

        Args:
            scope: Parent.
            construct_id: Its name there.
            network: Where the service is; it must reach the cluster's subnets (the same VPC, or peered).
            cluster_id: Named in the description of the rules.
            cluster_security_group: The cluster's group.
        """
        super().__init__(scope, construct_id)
        first, last = HSM_PORTS
        cluster = ec2.SecurityGroup.from_security_group_id(self, "ClusterGroup", cluster_security_group, mutable=True)
        ports = ec2.Port.tcp_range(first, last)
        network.service_group.add_egress_rule(cluster, ports, f"CloudHSM {cluster_id}")
        cluster.add_ingress_rule(network.service_group, ports, "Signing proxy")


class SecretAccess(Construct):
    """Secrets that the service reads itself, again and again, so that a rotated one is used without a restart."""

    def __init__(
        self, scope: Construct, construct_id: str, *, role: iam.IRole, secrets: Sequence[str], keys: Sequence[str]
    ) -> None:
        """Let ``role`` read ``secrets`` (whole ARNs) and have them decrypted by ``keys`` (ARNs of customer-managed keys)."""
        super().__init__(scope, construct_id)
        for number, arn in enumerate(secrets):
            secret = secretsmanager.Secret.from_secret_complete_arn(self, f"Secret{number}", arn)
            role.add_to_principal_policy(
                iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[secret.secret_arn])
            )
        if keys:
            role.add_to_principal_policy(iam.PolicyStatement(actions=["kms:Decrypt"], resources=list(keys)))
