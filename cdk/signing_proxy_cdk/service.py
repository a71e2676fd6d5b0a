"""The service on Fargate: tasks with an encrypted spool and no rights, deployed with a way back, scaled by load."""

import json
from collections.abc import Mapping

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct

from signing_proxy_cdk.load_balancer import SERVICE_PORT
from signing_proxy_cdk.network import AWS_SERVICES, Network

SETTINGS_VARIABLE = "SIGNPROXY_SETTINGS"
"""Environment variable that holds the settings' text; the container's command names it."""

SECRET_FOLDER = "/run/signproxy"  # noqa: S105 - where secrets are written, not one
USER = "10001:10001"
STOP_TIMEOUT = Duration.seconds(60)
"""Longer than ``limits.shutdown_seconds``; Fargate allows 120."""

NAMESPACE = "SigningProxy"
COLLECTOR_URL = "http://127.0.0.1:4318/v1/traces"
"""Containers of one task share its loopback."""


class StorageKey(kms.Key):
    """The key of logs and of tasks' ephemeral storage."""

    def __init__(self, scope: Construct, construct_id: str, *, removal_policy: RemovalPolicy) -> None:
        """Make it, rotated every year, and let CloudWatch Logs use it for this account's log groups."""
        super().__init__(scope, construct_id, enable_key_rotation=True, removal_policy=removal_policy)
        stack = Stack.of(self)
        self.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:*"
                    }
                },
            )
        )


class SigningService(Construct):
    """The service's cluster, tasks and scaling.

    Attributes:
        service: The ECS service; register it at a load balancer's target group.
        task_role: What the service itself may do.
        log_group: Its logs, metrics included (CloudWatch embedded metric format).
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        network: Network,
        image: ecs.ContainerImage,
        collector: ecs.ContainerImage | None = None,
        settings: str,
        secrets: Mapping[str, str],
        storage_key: kms.IKey,
        spool_gib: int,
        log_retention: logs.RetentionDays,
        removal_policy: RemovalPolicy,
        least_tasks: int,
        most_tasks: int,
        cpu: int = 2048,
        memory_mib: int = 4096,
    ) -> None:
        """Make it.

        Args:
            scope: Parent.
            construct_id: Its name there.
            network: Where.
            image: The service's, by digest.
            collector: Of the AWS Distro for OpenTelemetry, by digest; with it calls are traced to X-Ray.
            settings: The settings (TOML), without secrets.
            secrets: ARN of a secret by the name of the file under ``/run/signproxy`` that it becomes.
            storage_key: Encrypts logs and ephemeral storage.
            spool_gib: Ephemeral storage of a task.
            log_retention: How long logs are kept.
            removal_policy: What becomes of the logs with the stack.
            least_tasks: There are always so many.
            most_tasks: There are never more.
            cpu: Units of a task; 1024 are one CPU.
            memory_mib: Of a task.
        """
        super().__init__(scope, construct_id)
        self.log_group = logs.LogGroup(
            self, "Log", encryption_key=storage_key, retention=log_retention, removal_policy=removal_policy
        )
        cluster = ecs.Cluster(
            self,
            "Cluster",
            vpc=network.vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,
            managed_storage_configuration=ecs.ManagedStorageConfiguration(fargate_ephemeral_storage_kms_key=storage_key),
        )
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=cpu,
            memory_limit_mib=memory_mib,
            ephemeral_storage_gib=spool_gib,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.X86_64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
            volumes=[ecs.Volume(name=name) for name in ("spool", "state", "secrets", "tmp")],
        )
        self.task_role = task.task_role
        container = task.add_container(
            "proxy",
            image=image,
            command=["serve", "--settings", f"env:{SETTINGS_VARIABLE}"],
            environment={
                SETTINGS_VARIABLE: "\n".join((settings, *_secret_files(secrets), *_telemetry(traced=collector is not None)))
            },
            user=USER,
            readonly_root_filesystem=True,
            stop_timeout=STOP_TIMEOUT,
            port_mappings=[ecs.PortMapping(container_port=SERVICE_PORT)],
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="proxy", log_group=self.log_group, mode=ecs.AwsLogDriverMode.NON_BLOCKING
            ),
            health_check=ecs.HealthCheck(
                command=["CMD", "signproxy", "health"],
                interval=Duration.seconds(10),
                timeout=Duration.seconds(5),
                retries=3,
                start_period=Duration.seconds(30),
            ),
            linux_parameters=_without_capabilities(self, "Linux"),
        )
        for volume, path in (
            ("spool", "/var/spool/signproxy"),
            ("state", "/var/lib/signproxy"),
            ("secrets", SECRET_FOLDER),
            ("tmp", "/tmp"),  # noqa: S108 - the container's own
        ):
            container.add_mount_points(ecs.MountPoint(source_volume=volume, container_path=path, read_only=False))
        if collector is not None:
            self._trace(task, collector)
        self.service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=task,
            desired_count=least_tasks,
            assign_public_ip=False,
            vpc_subnets=ec2.SubnetSelection(subnet_group_name="service"),
            security_groups=[network.service_group],
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            min_healthy_percent=100,
            max_healthy_percent=200,
            health_check_grace_period=Duration.seconds(60),
            enable_execute_command=False,
            enable_ecs_managed_tags=True,
            propagate_tags=ecs.PropagatedTagSource.SERVICE,
        )
        self._scale(least_tasks, most_tasks)

    def _trace(self, task: ecs.FargateTaskDefinition, collector: ecs.ContainerImage) -> None:
        """A collector beside the service, which sends traces to X-Ray; the service goes on without it."""
        task.add_container(
            "collector",
            image=collector,
            essential=False,
            command=["--config=/etc/ecs/ecs-xray.yaml"],
            user=USER,
            readonly_root_filesystem=True,
            cpu=128,
            memory_limit_mib=256,
            logging=ecs.LogDrivers.aws_logs(stream_prefix="collector", log_group=self.log_group),
            linux_parameters=_without_capabilities(self, "CollectorLinux"),
        )
        task.add_to_task_role_policy(
            iam.PolicyStatement(sid="Trace", actions=list(AWS_SERVICES["xray"].actions), resources=["*"])
        )

    def _scale(self, least: int, most: int) -> None:
        """By CPU, and by requests in work: a task that waits for a slow signer is full while its CPU is idle."""
        target = self.service.auto_scale_task_count(min_capacity=least, max_capacity=most)
        target.scale_on_cpu_utilization(
            "CPU", target_utilization_percent=60, scale_in_cooldown=Duration.minutes(5), scale_out_cooldown=Duration.minutes(1)
        )
        target.scale_to_track_custom_metric(
            "Requests",
            metric=cloudwatch.Metric(
                namespace=NAMESPACE, metric_name="RequestsWorking", statistic="Average", period=Duration.minutes(1)
            ),
            target_value=15,
            scale_in_cooldown=Duration.minutes(5),
            scale_out_cooldown=Duration.minutes(1),
        )


def _without_capabilities(scope: Construct, construct_id: str) -> ecs.LinuxParameters:
    parameters = ecs.LinuxParameters(scope, construct_id, init_process_enabled=True)
    parameters.drop_capabilities(ecs.Capability.ALL)
    return parameters


def _secret_files(secrets: Mapping[str, str]) -> list[str]:
    lines: list[str] = []
    for name, arn in sorted(secrets.items()):
        lines += [
            "[[secret_files]]",
            f"path = {json.dumps(f'{SECRET_FOLDER}/{name}')}",
            f"secret = {json.dumps(f'aws:{arn}')}",
            "",
        ]
    return lines


def _telemetry(*, traced: bool) -> list[str]:
    lines = ["[telemetry]", f'embedded_metrics = "{NAMESPACE}"']
    return [*lines, f'traces_url = "{COLLECTOR_URL}"', ""] if traced else [*lines, ""]
