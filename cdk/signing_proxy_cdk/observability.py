"""What is watched: a dashboard, and an alarm for each way in which the service stops doing what it is for.

The metrics come from the service's own log (CloudWatch embedded metric format) and from the load balancer and ECS. What each
alarm means and what to do is in docs/operations.md, under its name.
"""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from signing_proxy_cdk.service import NAMESPACE

DEPENDENCY_CODES = (
    "SIGNER_ERROR",
    "SIGNER_UNAVAILABLE",
    "SIGNATURE_INVALID",
    "TSA_ERROR",
    "TSA_UNAVAILABLE",
    "REVOCATION_UNAVAILABLE",
    "SPOOL_FULL",
    "INTERNAL",
    "TIMEOUT",
)
"""Codes that an operator has to know of; the others are the callers' affair."""

STAGES = ("upload", "credential", "prepare", "sign", "timestamp", "validationData", "check")
"""Stages of a call that have a latency of their own to watch."""

QUERIES: Mapping[str, str] = {
    "failures-by-code": (
        'filter event = "call.ended" and state = "FAILED" | stats count(*) as calls by resultCode, operation | sort calls desc'
    ),
    "slowest-calls": (
        'filter event = "call.ended" | fields @timestamp, transactionId, client, operation, milliseconds, documentBytes '
        "| sort milliseconds desc | limit 50"
    ),
    "one-transaction": 'filter transactionId = "00000000-0000-0000-0000-000000000000" | sort @timestamp asc',
    "what-left": (
        'filter event = "call.ended" | fields @timestamp, transactionId, client, exchanges.0.destination, exchanges.0.sent, '
        "exchanges.0.sentSha256 | sort @timestamp desc"
    ),
    "by-client": 'filter event = "call.ended" | stats count(*), avg(milliseconds), sum(documentBytes) by client, operation',
    "refused-clients": 'filter event = "client_certificate.untrusted" | stats count(*) by reason, bin(1h)',
}
"""CloudWatch Logs Insights queries, ready to run, by name."""


class Observability(Construct):
    """Dashboard, alarms and queries.

    Attributes:
        alarms: By name.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        service: ecs.FargateService,
        log_group: logs.ILogGroup,
        alarm_topic: sns.ITopic | None,
        latency_seconds: Mapping[str, float],
        certificate_days: int = 30,
    ) -> None:
        """Make it.

        Args:
            scope: Parent.
            construct_id: Its name there.
            service: What is watched.
            log_group: Its log.
            alarm_topic: Where alarms go; nowhere but the console where ``None``.
            latency_seconds: What 99 of 100 calls of a stage take at most, by stage.
            certificate_days: How long before its end a signing certificate is alarmed about.
        """
        super().__init__(scope, construct_id)
        self.alarms: dict[str, cloudwatch.Alarm] = {}
        self._topic = alarm_topic
        for code in DEPENDENCY_CODES:
            self._alarm(
                f"code-{code.lower().replace('_', '-')}",
                _metric("Calls", "Sum", ResultCode=code),
                threshold=5,
                text=f"Calls end with {code}.",
            )
        for stage, seconds in latency_seconds.items():
            self._alarm(
                f"latency-{stage.lower()}",
                _metric(f"Stage{stage[0].upper()}{stage[1:]}", "p99"),
                threshold=seconds * 1000,
                text=f"The stage {stage} is slow.",
                periods=3,
            )
        self._alarm(
            "upstream-saturated",
            _metric("RequestsWaiting", "Maximum"),
            threshold=30,
            text="Requests wait for a place: the tasks or the signer behind them are full.",
            periods=3,
        )
        self._alarm(
            "breaker-open",
            _metric("BreakersOpen", "Maximum"),
            threshold=1,
            text="A dependency fails so often that it is not asked any more.",
        )
        self._alarm(
            "certificate-expiry",
            _metric("CertificateDaysLeft", "Minimum"),
            threshold=certificate_days,
            text="A signing certificate ends soon.",
            below=True,
        )
        self._alarm(
            "no-tasks",
            cloudwatch.Metric(
                namespace="ECS/ContainerInsights",
                metric_name="RunningTaskCount",
                statistic="Minimum",
                dimensions_map={"ClusterName": service.cluster.cluster_name, "ServiceName": service.service_name},
                period=Duration.minutes(1),
            ),
            threshold=1,
            text="No task runs.",
            below=True,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )
        for name, query in QUERIES.items():
            logs.CfnQueryDefinition(
                self,
                f"Query-{name}",
                name=f"signing-proxy/{name}",
                query_string=query,
                log_group_names=[log_group.log_group_name],
            )
        self._dashboard(service)

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float,
        text: str,
        periods: int = 1,
        below: bool = False,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        operator = cloudwatch.ComparisonOperator
        alarm = cloudwatch.Alarm(
            self,
            f"Alarm-{name}",
            metric=metric,
            threshold=threshold,
            evaluation_periods=periods,
            comparison_operator=operator.LESS_THAN_THRESHOLD if below else operator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=missing,
            alarm_description=f"{text} docs/operations.md, {name}",
        )
        if self._topic is not None:
            alarm.add_alarm_action(actions.SnsAction(self._topic))
            alarm.add_ok_action(actions.SnsAction(self._topic))
        self.alarms[name] = alarm

    def _dashboard(self, service: ecs.FargateService) -> None:
        dashboard = cloudwatch.Dashboard(self, "Dashboard", default_interval=Duration.hours(3))
        stages = [_metric(f"Stage{stage[0].upper()}{stage[1:]}", "p99") for stage in STAGES]
        dashboard.add_widgets(
            _graph("Calls by code", [_metric("Calls", "Sum", ResultCode=code) for code in ("OK", *DEPENDENCY_CODES)]),
            _graph("Time of a call (ms)", [_metric("Milliseconds", statistic) for statistic in ("p50", "p90", "p99")]),
            _graph("Time of the stages, p99 (ms)", stages),
        )
        dashboard.add_widgets(
            _graph("Requests", [_metric("RequestsWorking", "Average"), _metric("RequestsWaiting", "Maximum")]),
            _graph("Open breakers", [_metric("BreakersOpen", "Maximum")]),
            _graph("Days left of signing certificates", [_metric("CertificateDaysLeft", "Minimum")]),
        )
        dashboard.add_widgets(
            _graph("CPU and memory (%)", [service.metric_cpu_utilization(), service.metric_memory_utilization()]),
            cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(self.alarms.values()), width=16),
        )


def _metric(name: str, statistic: str, **dimensions: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace=NAMESPACE,
        metric_name=name,
        statistic=statistic,
        dimensions_map=dimensions,
        period=Duration.minutes(1),
        label=f"{name} {' '.join(dimensions.values())} {statistic}".replace("  ", " "),
    )


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric]) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=8)
