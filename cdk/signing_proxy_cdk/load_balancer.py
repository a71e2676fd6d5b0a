"""The load balancer before the service, always internal.

An ALB verifies client certificates against a trust store and hands them on in headers; an NLB passes TLS through, and the
container verifies. To the container it is TLS either way.
"""

from collections.abc import Sequence

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from signing_proxy_cdk.network import Network

SERVICE_PORT = 8443
IDLE = Duration.seconds(180)
"""Longer than ``limits.request_seconds``: a slow signature is not cut off."""

_HEALTH = {
    "path": "/readyz",
    "protocol": elbv2.Protocol.HTTPS,
    "interval": Duration.seconds(10),
    "timeout": Duration.seconds(5),
    "healthy_threshold_count": 2,
    "unhealthy_threshold_count": 3,
}


class AccessLogBucket(s3.Bucket):
    """Where load balancers write who connected: encrypted by S3, since they can write to no other, and kept for a while."""

    def __init__(self, scope: Construct, construct_id: str, *, keep: Duration, removal_policy: RemovalPolicy) -> None:
        """Make it; ``keep`` is how long a log stays."""
        super().__init__(
            scope,
            construct_id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_PREFERRED,
            lifecycle_rules=[s3.LifecycleRule(expiration=keep, noncurrent_version_expiration=Duration.days(7))],
            removal_policy=removal_policy,
        )


def _admit(network: Network, callers: Sequence[str]) -> None:
    for cidr in callers:
        network.balancer_group.add_ingress_rule(ec2.Peer.ipv4(cidr), ec2.Port.tcp(443), "Callers")
    network.allow(network.balancer_group, network.service_group, SERVICE_PORT, "Load balancer to service")


class VerifyingLoadBalancer(Construct):
    """An internal ALB with mutual TLS by a trust store.

    Attributes:
        target_group: For the service's tasks.
        full_name: For metrics.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: Network,
        callers: Sequence[str],
        server_certificate_arn: str,
        trust_store_bucket: str,
        trust_store_key: str,
        trust_store_version: str | None,
        access_logs: s3.IBucket,
        deletion_protection: bool,
        waf: bool,
    ) -> None:
        """Make it.

        Args:
            scope: Parent.
            construct_id: Its name there.
            network: Where.
            callers: Networks that may connect.
            server_certificate_arn: ACM certificate.
            trust_store_bucket: Bucket of the PEM with the client authorities.
            trust_store_key: Its key there.
            trust_store_version: Its version; the newest at deployment where ``None``.
            access_logs: Where it writes who connected.
            deletion_protection: Whether it must be unlocked before it can be deleted.
            waf: Whether a web ACL stands before it.
        """
        super().__init__(scope, construct_id)
        _admit(network, callers)
        balancer = elbv2.ApplicationLoadBalancer(
            self,
            "ALB",
            vpc=network.vpc,
            internet_facing=False,
            vpc_subnets=ec2.SubnetSelection(subnet_group_name="balancer"),
            security_group=network.balancer_group,
            idle_timeout=IDLE,
            deletion_protection=deletion_protection,
            drop_invalid_header_fields=True,
            desync_mitigation_mode=elbv2.DesyncMitigationMode.STRICTEST,
        )
        balancer.log_access_logs(access_logs, "alb")
        store = elbv2.TrustStore(
            self,
            "ClientAuthorities",
            bucket=s3.Bucket.from_bucket_name(self, "TrustStoreBucket", trust_store_bucket),
            key=trust_store_key,
            version=trust_store_version,
        )
        self.target_group = elbv2.ApplicationTargetGroup(
            self,
            "Tasks",
            vpc=network.vpc,
            port=SERVICE_PORT,
            protocol=elbv2.ApplicationProtocol.HTTPS,
            target_type=elbv2.TargetType.IP,
            deregistration_delay=Duration.seconds(60),
            load_balancing_algorithm_type=elbv2.TargetGroupLoadBalancingAlgorithmType.LEAST_OUTSTANDING_REQUESTS,
            health_check=elbv2.HealthCheck(**_HEALTH),
        )
        balancer.add_listener(
            "Listener",
            port=443,
            open=False,
            certificates=[elbv2.ListenerCertificate.from_arn(server_certificate_arn)],
            ssl_policy=elbv2.SslPolicy.TLS13_RES,
            mutual_authentication=elbv2.MutualAuthentication(
                mutual_authentication_mode=elbv2.MutualAuthenticationMode.VERIFY,
                trust_store=store,
                ignore_client_certificate_expiry=False,
            ),
            default_target_groups=[self.target_group],
        )
        self.full_name = balancer.load_balancer_full_name
        if waf:
            self._put_behind_a_web_acl(balancer)

    def _put_behind_a_web_acl(self, balancer: elbv2.ApplicationLoadBalancer) -> None:
        """AWS's rules of known bad input and a limit a caller's address; bodies are documents, which no rule reads."""
        acl = wafv2.CfnWebACL(
            self,
            "WebACL",
            scope="REGIONAL",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visible("signproxy"),
            rules=[
                wafv2.CfnWebACL.RuleProperty(
                    name="known-bad-inputs",
                    priority=0,
                    override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
                    statement=wafv2.CfnWebACL.StatementProperty(
                        managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                            vendor_name="AWS", name="AWSManagedRulesKnownBadInputsRuleSet"
                        )
                    ),
                    visibility_config=_visible("known-bad-inputs"),
                ),
                wafv2.CfnWebACL.RuleProperty(
                    name="rate",
                    priority=1,
                    action=wafv2.CfnWebACL.RuleActionProperty(block={}),
                    statement=wafv2.CfnWebACL.StatementProperty(
                        rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                            limit=100_000, aggregate_key_type="IP", evaluation_window_sec=300
                        )
                    ),
                    visibility_config=_visible("rate"),
                ),
            ],
        )
        wafv2.CfnWebACLAssociation(self, "WebACLAssociation", resource_arn=balancer.load_balancer_arn, web_acl_arn=acl.attr_arn)


class PassingLoadBalancer(Construct):
    """An internal NLB: TLS goes through to the container, which verifies client certificates itself.

    Attributes:
        target_group: For the service's tasks.
        full_name: For metrics.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: Network,
        callers: Sequence[str],
        access_logs: s3.IBucket,
        deletion_protection: bool,
    ) -> None:
        """Make it; the arguments are those of :class:`VerifyingLoadBalancer`."""
        super().__init__(scope, construct_id)
        _admit(network, callers)
        balancer = elbv2.NetworkLoadBalancer(
            self,
            "NLB",
            vpc=network.vpc,
            internet_facing=False,
            vpc_subnets=ec2.SubnetSelection(subnet_group_name="balancer"),
            security_groups=[network.balancer_group],
            deletion_protection=deletion_protection,
            cross_zone_enabled=True,
        )
        balancer.log_access_logs(access_logs, "nlb")
        self.target_group = elbv2.NetworkTargetGroup(
            self,
            "Tasks",
            vpc=network.vpc,
            port=SERVICE_PORT,
            protocol=elbv2.Protocol.TCP,
            target_type=elbv2.TargetType.IP,
            deregistration_delay=Duration.seconds(60),
            preserve_client_ip=False,
            health_check=elbv2.HealthCheck(**_HEALTH),
        )
        balancer.add_listener("Listener", port=443, protocol=elbv2.Protocol.TCP, default_target_groups=[self.target_group])
        self.full_name = balancer.load_balancer_full_name


def _visible(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )
