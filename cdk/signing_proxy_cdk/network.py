"""The network: isolated subnets, endpoints to the AWS services that are used, and a way out only where one is asked for.

Who may reach whom is decided by security groups that name each other; the endpoints admit the account's own principals alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from signing_proxy_cdk.configuration import Destination

_ECR = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetAuthorizationToken", "ecr:GetDownloadUrlForLayer")


@dataclass(frozen=True, slots=True)
class AWSService:
    """An AWS service that may have an endpoint, and what may be asked of it there."""

    service: ec2.InterfaceVpcEndpointAwsService
    actions: tuple[str, ...]


AWS_SERVICES: Mapping[str, AWSService] = {
    "ecr.api": AWSService(ec2.InterfaceVpcEndpointAwsService.ECR, _ECR),
    "ecr.dkr": AWSService(ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER, _ECR),
    "s3": AWSService(ec2.InterfaceVpcEndpointAwsService.S3, ("s3:GetObject",)),
    "logs": AWSService(
        ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
        ("logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"),
    ),
    "secretsmanager": AWSService(
        ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER, ("secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue")
    ),
    "kms": AWSService(
        ec2.InterfaceVpcEndpointAwsService.KMS, ("kms:Decrypt", "kms:DescribeKey", "kms:GetPublicKey", "kms:Sign")
    ),
    "xray": AWSService(
        ec2.InterfaceVpcEndpointAwsService.XRAY,
        ("xray:GetSamplingRules", "xray:GetSamplingTargets", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    ),
}
"""By their names in DNS."""


class Network(Construct):
    """A VPC for the service, and the security groups of its parts.

    Attributes:
        vpc: Its subnets ``service`` have no route to the internet, unless ``nat`` is asked for.
        service_group: Of the service's tasks.
        balancer_group: Of its load balancer.
        endpoint_group: Of the endpoints.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        cidr: str,
        availability_zones: Sequence[str],
        nat: bool,
        log_key: kms.IKey,
        log_retention: logs.RetentionDays,
        removal_policy: RemovalPolicy,
    ) -> None:
        """Make it.

        Args:
            scope: Parent.
            construct_id: Its name there.
            cidr: Of the VPC.
            availability_zones: Zones by name.
            nat: Whether the service's subnets have a way to the internet, through one NAT gateway a zone.
            log_key: Encrypts the flow log.
            log_retention: How long that is kept.
            removal_policy: What becomes of it with the stack.
        """
        super().__init__(scope, construct_id)
        private = ec2.SubnetType.PRIVATE_WITH_EGRESS if nat else ec2.SubnetType.PRIVATE_ISOLATED
        subnets = [
            ec2.SubnetConfiguration(name="service", subnet_type=private, cidr_mask=22),
            ec2.SubnetConfiguration(name="balancer", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24),
            ec2.SubnetConfiguration(name="endpoints", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24),
        ]
        if nat:
            public = ec2.SubnetConfiguration(
                name="nat", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=26, map_public_ip_on_launch=False
            )
            subnets.append(public)
        self.vpc = ec2.Vpc(
            self,
            "VPC",
            ip_addresses=ec2.IpAddresses.cidr(cidr),
            availability_zones=list(availability_zones),
            nat_gateways=len(availability_zones) if nat else 0,
            subnet_configuration=subnets,
            restrict_default_security_group=False,
        )
        flow_log = logs.LogGroup(
            self, "FlowLog", encryption_key=log_key, retention=log_retention, removal_policy=removal_policy
        )
        self.vpc.add_flow_log("Flows", destination=ec2.FlowLogDestination.to_cloud_watch_logs(flow_log))
        self.service_group = self._group("ServiceGroup", "Tasks of the signing proxy")
        self.balancer_group = self._group("BalancerGroup", "Load balancer of the signing proxy")
        self.endpoint_group = self._group("EndpointGroup", "Endpoints of AWS services")

    def _group(self, construct_id: str, description: str) -> ec2.SecurityGroup:
        group = ec2.SecurityGroup(
            self, construct_id, vpc=self.vpc, description=description, allow_all_outbound=False, disable_inline_rules=True
        )
        # EC2 gives a group that is made without an egress rule of its own one to everywhere, and rules that are added later
        # do not take it away. So each group is made with a rule to nowhere.
        made = group.node.default_child
        assert isinstance(made, ec2.CfnSecurityGroup), "it is what the construct is made of"
        made.security_group_egress = [
            ec2.CfnSecurityGroup.EgressProperty(
                ip_protocol="icmp", from_port=252, to_port=86, cidr_ip="255.255.255.255/32", description="Nowhere"
            )
        ]
        return group

    def add_aws_endpoints(self, names: Sequence[str]) -> None:
        """Let the service reach AWS services (keys of :data:`AWS_SERVICES`) through interface endpoints.

        An endpoint's policy admits the principals of this account and the actions that the service needs; S3's admits reading
        the layers of images instead, which ECR keeps in a bucket of its own and hands out by signed URLs.
        """
        stack = Stack.of(self)
        for name in names:
            endpoint = self.vpc.add_interface_endpoint(
                f"Endpoint-{name}",
                service=AWS_SERVICES[name].service,
                subnets=ec2.SubnetSelection(subnet_group_name="endpoints"),
                security_groups=[self.endpoint_group],
                open=False,
                private_dns_enabled=True,
            )
            layers = f"arn:{stack.partition}:s3:::prod-{stack.region}-starport-layer-bucket/*"
            endpoint.add_to_policy(
                iam.PolicyStatement(
                    principals=[iam.AnyPrincipal()],
                    actions=list(AWS_SERVICES[name].actions),
                    resources=[layers if name == "s3" else "*"],
                    conditions=None if name == "s3" else {"StringEquals": {"aws:PrincipalAccount": stack.account}},
                )
            )
        self.allow(self.service_group, self.endpoint_group, 443, "Endpoints of AWS services")

    def add_destination(self, destination: Destination) -> None:
        """Let the service reach one host beyond AWS: at its addresses, or through its owner's PrivateLink."""
        if destination.endpoint_service is None:
            for cidr in destination.cidrs:
                self.service_group.add_egress_rule(
                    ec2.Peer.ipv4(cidr), ec2.Port.tcp(destination.port), f"{destination.name}: {destination.host}"
                )
            return
        group = self._group(f"{destination.name}-group", f"PrivateLink to {destination.name}")
        ec2.InterfaceVpcEndpoint(
            self,
            f"Destination-{destination.name}",
            vpc=self.vpc,
            service=ec2.InterfaceVpcEndpointService(destination.endpoint_service, destination.port),
            subnets=ec2.SubnetSelection(subnet_group_name="endpoints"),
            security_groups=[group],
            open=False,
            private_dns_enabled=True,
        )
        self.allow(self.service_group, group, destination.port, f"{destination.name}: {destination.host}")

    def allow(self, source: ec2.ISecurityGroup, target: ec2.ISecurityGroup, port: int, description: str) -> None:
        """Let one group reach another, on one port; both sides say so."""
        source.add_egress_rule(target, ec2.Port.tcp(port), description)
        target.add_ingress_rule(source, ec2.Port.tcp(port), description)
