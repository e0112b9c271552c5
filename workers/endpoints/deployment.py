"""How traffic goes over to an endpoint's new instances, and what brings it back (deployment guardrails).

Source: SageMaker AI Developer Guide, "Deployment guardrails": a canary is at most half of the capacity, a linear step
10% to 50%; an alarm that rings while the new instances are watched brings all traffic back to the old ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Way = Literal["ALL_AT_ONCE", "CANARY", "LINEAR"]
# SageMaker's limits.
MOST_PERCENT, LEAST_CANARY, LEAST_STEP = 50, 1, 10
LONGEST_WAIT_SECONDS = 3600


@dataclass(frozen=True)
class Deployment:
    """Way, share of the first step (percent) and how long each is watched (seconds).

    ``alarms``: those that roll back; ``new_alarm``: one more, about errors of the endpoint, is made for it.
    """

    way: Way = "ALL_AT_ONCE"
    percent: int = 10
    wait_seconds: int = 300
    alarms: tuple[str, ...] = ()
    new_alarm: bool = False

    @property
    def guarded(self) -> bool:
        """Whether it is anything else than AWS does by itself."""
        return self.way != "ALL_AT_ONCE" or bool(self.alarms) or self.new_alarm


def deployment_problem(deployment: Deployment) -> str | None:
    """What AWS would not take, in a sentence, or ``None``. No network."""
    least = LEAST_CANARY if deployment.way == "CANARY" else LEAST_STEP
    if deployment.way != "ALL_AT_ONCE" and not least <= deployment.percent <= MOST_PERCENT:
        return f"A share of {least} % to {MOST_PERCENT} % goes first."
    if not 0 <= deployment.wait_seconds <= LONGEST_WAIT_SECONDS:
        return f"It is watched for at most {LONGEST_WAIT_SECONDS // 60} minutes."
    return None


def alarm_name(endpoint: str) -> str:
    """The alarm that SageDeck makes for roll-backs of this endpoint."""
    return f"sagedeck-{endpoint}-errors"


def alarm_request(endpoint: str, variant: str) -> dict[str, Any]:
    """PutMetricAlarm of that alarm: any 5XX answer within a minute."""
    return {
        "AlarmName": alarm_name(endpoint),
        "AlarmDescription": f"Rolls updates of {endpoint} back when it answers with errors.",
        "Namespace": "AWS/SageMaker",
        "MetricName": "Invocation5XXErrors",
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }


def deployment_config(deployment: Deployment, endpoint: str) -> dict[str, Any]:
    """The DeploymentConfig of UpdateEndpoint; empty for what AWS does by itself."""
    if not deployment.guarded:
        return {}
    routing: dict[str, Any] = {"Type": deployment.way, "WaitIntervalInSeconds": deployment.wait_seconds}
    size = {"Type": "CAPACITY_PERCENT", "Value": deployment.percent}
    if deployment.way != "ALL_AT_ONCE":
        routing["CanarySize" if deployment.way == "CANARY" else "LinearStepSize"] = size
    config: dict[str, Any] = {"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing}}
    names = [*deployment.alarms, *([alarm_name(endpoint)] if deployment.new_alarm else [])]
    if names:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in dict.fromkeys(names)]}
    return config


def retained(counts_change: bool) -> dict[str, Any]:
    """What UpdateEndpoint keeps of the running variants: weights always, numbers of instances unless they change."""
    kept: dict[str, Any] = {"RetainAllVariantProperties": True}
    if counts_change:
        kept["ExcludeRetainedVariantProperties"] = [{"VariantPropertyType": "DesiredInstanceCount"}]
    return kept
