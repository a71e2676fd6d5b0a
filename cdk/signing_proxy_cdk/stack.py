"""One deployment: the constructs put together by a configuration, and what cdk-nag is told about them."""

from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import Environment as CDKEnvironment
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from signing_proxy_cdk.configuration import Configuration
from signing_proxy_cdk.load_balancer import AccessLogBucket, PassingLoadBalancer, VerifyingLoadBalancer
from signing_proxy_cdk.network import Network
from signing_proxy_cdk.observability import Observability
from signing_proxy_cdk.service import SigningService, StorageKey
from signing_proxy_cdk.signer_access import CloudHSMAccess, KMSAccess, SecretAccess

LATENCY_SECONDS: Mapping[str, float] = {"prepare": 5, "sign": 5, "timestamp": 5, "validationData": 10}
"""What 99 of 100 calls of a stage take at most before somebody is told."""


class SigningProxyStack(Stack):
    """Everything of one stage and shape."""

    def __init__(self, scope: Construct, construct_id: str, *, configuration: Configuration) -> None:
        """Make it."""
        super().__init__(
            scope,
            construct_id,
            env=CDKEnvironment(account=configuration.account, region=configuration.region),
            description="Hash-signing proxy: signs documents without letting them leave",
            termination_protection=configuration.production,
        )
        self._configuration = configuration
        production = configuration.production
        removal = RemovalPolicy.RETAIN if production else RemovalPolicy.DESTROY
        retention = logs.RetentionDays.ONE_YEAR if production else logs.RetentionDays.ONE_MONTH
        key = StorageKey(self, "StorageKey", removal_policy=removal)
        self.network = Network(
            self,
            "Network",
            cidr=configuration.cidr,
            availability_zones=configuration.availability_zones,
            nat=configuration.nat,
            log_key=key,
            log_retention=retention,
            removal_policy=removal,
        )
        self.network.add_aws_endpoints(self._aws_services())
        for destination in configuration.destinations:
            self.network.add_destination(destination)
        self.signing = SigningService(
            self,
            "Signing",
            network=self.network,
            image=self._image("Repository", configuration.image),
            collector=None if configuration.collector is None else self._image("Collector", configuration.collector),
            settings=configuration.settings,
            secrets=configuration.secrets,
            storage_key=key,
            spool_gib=configuration.spool_gib,
            log_retention=retention,
            removal_policy=removal,
            least_tasks=2 if production else 1,
            most_tasks=20 if production else 2,
        )
        self._give_access_to_keys(self.signing.task_role)
        self._balance(removal)
        topic = configuration.alarm_topic
        self.observability = Observability(
            self,
            "Observability",
            service=self.signing.service,
            log_group=self.signing.log_group,
            alarm_topic=None if topic is None else sns.Topic.from_topic_arn(self, "AlarmTopic", topic),
            latency_seconds=LATENCY_SECONDS,
        )

    def _image(self, construct_id: str, image: str) -> ecs.ContainerImage:
        repository, _, digest = image.partition("@")
        return ecs.ContainerImage.from_ecr_repository(
            ecr.Repository.from_repository_name(self, construct_id, repository), digest
        )

    def _aws_services(self) -> list[str]:
        names = ["ecr.api", "ecr.dkr", "s3", "logs", "secretsmanager"]
        if self._configuration.shape == "kms":
            names.append("kms")
        if self._configuration.collector is not None:
            names.append("xray")
        return names

    def _give_access_to_keys(self, role: iam.IRole) -> None:
        configuration = self._configuration
        arns = list(configuration.secrets.values())
        SecretAccess(self, "Secrets", role=role, secrets=arns, keys=configuration.secret_keys)
        if configuration.shape == "kms":
            KMSAccess(self, "KMS", role=role, keys=configuration.kms_keys)
        elif configuration.shape == "cloudhsm":
            assert configuration.cloudhsm_cluster is not None, "the configuration checks it"
            assert configuration.cloudhsm_security_group is not None, "the configuration checks it"
            CloudHSMAccess(
                self,
                "CloudHSM",
                network=self.network,
                cluster_id=configuration.cloudhsm_cluster,
                cluster_security_group=configuration.cloudhsm_security_group,
            )

    def _balance(self, removal: RemovalPolicy) -> None:
        configuration = self._configuration
        access_logs = AccessLogBucket(
            self, "AccessLogs", keep=Duration.days(365 if configuration.production else 30), removal_policy=removal
        )
        if configuration.load_balancer == "nlb":
            passing = PassingLoadBalancer(
                self,
                "Balancer",
                network=self.network,
                callers=configuration.callers,
                access_logs=access_logs,
                deletion_protection=configuration.production,
            )
            self.signing.service.attach_to_network_target_group(passing.target_group)
            return
        store, certificate = configuration.trust_store, configuration.server_certificate
        assert store is not None, "the configuration checks it"
        assert certificate is not None, "the configuration checks it"
        verifying = VerifyingLoadBalancer(
            self,
            "Balancer",
            network=self.network,
            callers=configuration.callers,
            server_certificate_arn=certificate,
            trust_store_bucket=store["bucket"],
            trust_store_key=store["key"],
            trust_store_version=store.get("version"),
            access_logs=access_logs,
            deletion_protection=configuration.production,
            waf=configuration.waf,
        )
        self.signing.service.attach_to_application_target_group(verifying.target_group)
