"""The calls about scaling, in their order, and what is taken back when one is refused."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.workers.fake_aws import FakeSession, Refused
from workers.errors.tree import InvalidInput, NotFound, QuotaExceeded, SageDeckError
from workers.prices.table import PriceTable
from workers.scaling.figures import instances_over_time
from workers.scaling.service import Scaling
from workers.scaling.types import (
    Activity,
    FunctionRow,
    NotScaled,
    Pool,
    Schedule,
    Suspended,
    Target,
    Variant,
    VariantSettings,
)

NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)
VARIANT = Variant("dogs", "AllTraffic", "InService", "ml.m5.large", 1, 1)
SETTINGS = VariantSettings(1, 4, 30, 60, 300)
NIGHT = Schedule("night", "cron(0 22 * * ? *)", "UTC", 0, None)
BURSTABLE = (
    "You cannot register a variant with ml.t2.medium instance type as a scalable target. This is because the "
    "burstable performance of these instances can lead to unpredictable behavior with Auto Scaling."
)
BELOW = (
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
    "minimum value of [10]."
)
TARGET = {"MinCapacity": 2, "MaxCapacity": 3, "SuspendedState": {"DynamicScalingInSuspended": True}}


class Account(FakeSession):
    """An endpoint variant, and one function without a version."""

    def __init__(self, target: dict[str, Any] | None = None, **handlers: Any) -> None:
        self.target = target
        self.versions = [{"Version": "$LATEST", "CodeSha256": "x"}]
        self.aliases: list[dict[str, Any]] = []
        super().__init__(
            **{
                "describe_scalable_targets": lambda **_: {"ScalableTargets": [self.target] if self.target else []},
                "register_scalable_target": self._register,
                "deregister_scalable_target": self._deregister,
                "describe_scheduled_actions": lambda **_: {"ScheduledActions": []},
                "put_scaling_policy": lambda **_: {"PolicyARN": "arn"},
                "list_versions_by_function": lambda **_: {"Versions": list(self.versions)},
                "list_aliases": lambda **_: {"Aliases": list(self.aliases)},
                "publish_version": self._publish,
                "create_alias": self._alias,
                "delete_alias": lambda **_: self.aliases.clear() or {},
                "delete_function": self._unpublish,
                "put_provisioned_concurrency_config": lambda **_: {},
            }
            | handlers
        )

    def _register(self, MinCapacity: int = 0, MaxCapacity: int = 0, **_: Any) -> dict[str, Any]:
        self.target = {"MinCapacity": MinCapacity, "MaxCapacity": MaxCapacity}
        return {}

    def _deregister(self, **_: Any) -> dict[str, Any]:
        self.target = None
        return {}

    def _publish(self, Description: str, **_: Any) -> dict[str, Any]:
        self.versions.append({"Version": "1", "CodeSha256": "x", "Description": Description})
        return {"Version": "1"}

    def _unpublish(self, Qualifier: str, **_: Any) -> dict[str, Any]:
        self.versions = [version for version in self.versions if version["Version"] != Qualifier]
        return {}

    def _alias(self, Name: str, FunctionVersion: str, **_: Any) -> dict[str, Any]:
        self.aliases.append({"Name": Name, "FunctionVersion": FunctionVersion})
        return {}


def refuse(code: str, words: str) -> Any:
    def handler(**_: Any) -> Any:
        raise Refused(code, words)

    return handler


def scaling(session: FakeSession) -> Scaling:
    return Scaling(session, PriceTable.load())  # type: ignore[arg-type]


def run(coroutine: Any) -> Any:
    return asyncio.run(coroutine)


def test_applying_sets_limits_then_the_policy() -> None:
    session = Account()
    run(scaling(session).variants.apply(VARIANT, SETTINGS))
    assert session.order == ["register_scalable_target", "put_scaling_policy"]
    (limits,), (policy,) = session.made("register_scalable_target"), session.made("put_scaling_policy")
    assert (limits["MinCapacity"], limits["MaxCapacity"]) == (1, 4)
    assert limits["ResourceId"] == policy["ResourceId"] == "endpoint/dogs/variant/AllTraffic"
    tracking = policy["TargetTrackingScalingPolicyConfiguration"]
    assert (tracking["TargetValue"], tracking["ScaleOutCooldown"], tracking["ScaleInCooldown"]) == (30, 60, 300)


def test_a_refused_policy_leaves_no_limits_where_there_were_none() -> None:
    session = Account(put_scaling_policy=refuse("ValidationException", "TargetValue must be above 0"))
    with pytest.raises(InvalidInput):
        run(scaling(session).variants.apply(VARIANT, SETTINGS))
    assert session.target is None and session.order[-1] == "deregister_scalable_target"


def test_a_refused_policy_gives_the_old_limits_back() -> None:
    session = Account(TARGET, put_scaling_policy=refuse("ValidationException", "no"))
    with pytest.raises(InvalidInput):
        run(scaling(session).variants.apply(VARIANT, SETTINGS))
    assert session.target == {"MinCapacity": 2, "MaxCapacity": 3}


def test_aws_own_words_come_with_a_hint() -> None:
    session = Account(register_scalable_target=refuse("ValidationException", BURSTABLE))
    with pytest.raises(InvalidInput) as refused:
        run(scaling(session).variants.apply(VARIANT, SETTINGS))
    assert refused.value.message == BURSTABLE and "another instance type" in refused.value.hint
    session = Account(put_function_concurrency=refuse("InvalidParameterValueException", BELOW))
    with pytest.raises(SageDeckError) as refused:
        run(scaling(session).concurrency.reserve("dogs", 100))
    assert refused.value.message == BELOW and "new accounts have few" in refused.value.hint
    gone = Account(put_scheduled_action=refuse("ObjectNotFoundException", "No scalable target registered for …"))
    with pytest.raises(NotFound) as missing:
        run(scaling(gone).schedules.put(VARIANT.scalable, NIGHT))
    assert "not scaled any more" in missing.value.hint


@pytest.mark.parametrize("suspended", [Suspended(), Suspended(scheduled=True)])
def test_what_a_schedule_registers_again_stands_still_as_before(suspended: Suspended) -> None:
    session = Account(put_scheduled_action=lambda **_: {})
    run(scaling(session).schedules.put(VARIANT.scalable, NIGHT, Target(2, 3, suspended)))
    (sent,) = session.made("register_scalable_target")
    assert (sent["MinCapacity"], sent["MaxCapacity"]) == (2, 3)
    assert sent.get("SuspendedState") == (suspended.arguments if suspended else None)


def test_suspending_keeps_the_limits_and_makes_none() -> None:
    session = Account(TARGET)
    run(scaling(session).variants.suspend(VARIANT, Suspended(scale_in=True)))
    (sent,) = session.made("register_scalable_target")
    assert "MinCapacity" not in sent and sent["SuspendedState"]["DynamicScalingInSuspended"] is True
    with pytest.raises(NotFound, match="not scaled"):
        run(scaling(Account()).variants.suspend(VARIANT, Suspended(scale_in=True)))


def test_what_cannot_be_removed_any_more_is_no_error() -> None:
    session = Account(deregister_scalable_target=refuse("ObjectNotFoundException", "No scalable target registered"))
    run(scaling(session).variants.remove(VARIANT))


def test_without_a_version_one_is_published_with_an_alias() -> None:
    session = Account()
    assert run(scaling(session).concurrency.provide("dogs", 2)) == "live"
    assert session.order == ["publish_version", "create_alias", "put_provisioned_concurrency_config"]
    assert session.made("put_provisioned_concurrency_config")[0]["Qualifier"] == "live"


def test_refused_environments_take_version_and_alias_back() -> None:
    session = Account(put_provisioned_concurrency_config=refuse("LimitExceededException", "too many"))
    with pytest.raises(QuotaExceeded):
        run(scaling(session).concurrency.provide("dogs", 2))
    assert session.aliases == [] and [version["Version"] for version in session.versions] == ["$LATEST"]


def test_a_chosen_version_makes_nothing() -> None:
    session = Account()
    assert run(scaling(session).concurrency.provide("dogs", 2, "7")) == "7"
    assert session.order == ["put_provisioned_concurrency_config"]


def test_the_pool_says_how_much_one_may_reserve() -> None:
    assert Pool(1000, 940).reservable(60) == 900
    assert Pool(1000, 940).reserved == 60
    assert Pool(10, 10).reservable(None) == 0
    assert Pool(50, 50).least_free == 50


def test_a_function_is_described_whole() -> None:
    session = Account(
        get_account_settings=lambda: {
            "AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 900}
        },
        get_function_concurrency=lambda **_: {"ReservedConcurrentExecutions": 20},
        list_provisioned_concurrency_configs=lambda **_: {
            "ProvisionedConcurrencyConfigs": [
                {
                    "FunctionArn": "arn:aws:lambda:us-east-1:1:function:dogs:live",
                    "RequestedProvisionedConcurrentExecutions": 4,
                    "AvailableProvisionedConcurrentExecutions": 1,
                    "Status": "IN_PROGRESS",
                }
            ]
        },
        get_metric_statistics=refuse("AccessDenied", "no"),
    )
    session.versions.append({"Version": "3", "CodeSha256": "x"})
    session.aliases.append({"Name": "live", "FunctionVersion": "3"})
    found = run(scaling(session).concurrency.describe(FunctionRow("dogs", 256)))
    assert (found.reserved, found.provided, found.busiest) == (20, 4, None)
    assert [qualifier.name for qualifier in found.qualifiers] == ["live", "3"]
    assert found.provisioned[0].qualifier == "live" and found.provisioned[0].available == 1


def test_a_variant_is_described_with_what_did_not_happen() -> None:
    activity = {
        "ActivityId": "1", "ServiceNamespace": "sagemaker", "StartTime": NOW, "StatusCode": "Failed",
        "NotScaledReasons": [{"Code": "AlreadyAtMaxCapacity", "MaxCapacity": 4, "CurrentCapacity": 4}],
    }  # fmt: skip
    policy = {
        "PolicyName": "p", "PolicyType": "TargetTrackingScaling", "Alarms": [{"AlarmName": "A-High"}],
        "TargetTrackingScalingPolicyConfiguration": {
            "TargetValue": 30.0,
            "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
        },
    }  # fmt: skip
    alarm = {
        "AlarmName": "A-High", "Threshold": 30.0, "ComparisonOperator": "GreaterThanThreshold", "Period": 60,
        "EvaluationPeriods": 3, "StateValue": "OK",
    }  # fmt: skip
    session = Account(
        TARGET,
        describe_scaling_policies=lambda **_: {"ScalingPolicies": [policy]},
        describe_scheduled_actions=lambda **_: {"ScheduledActions": []},
        describe_scaling_activities=lambda **_: {"ScalingActivities": [activity]},
        describe_alarms=lambda **_: {"MetricAlarms": [alarm]},
    )
    found = run(scaling(session).variants.describe(VARIANT))
    assert session.made("describe_scaling_activities")[0]["IncludeNotScaledActivities"] is True
    assert found.target is not None and found.target.suspended.scale_in and found.policy is not None
    # What AWS waits where the policy does not say.
    assert (found.policy.value, found.policy.out_wait) == (30.0, 300)
    assert found.activities[0].not_scaled == (NotScaled("AlreadyAtMaxCapacity", 4, None, 4),)
    assert (found.alarms[0].side, found.alarms[0].minutes) == ("high", 3)


def test_instances_over_time_come_from_shares_of_calls_and_from_activities() -> None:
    def at(minute: int) -> datetime:
        return NOW + timedelta(minutes=minute)

    done = Activity("1", at(2), at(3), "Successful", "Setting desired instance count to 2.", "alarm")
    failed = Activity("2", at(5), at(6), "Failed", "Setting desired instance count to 9.", "alarm")
    points = instances_over_time(
        ((at(0), 40.0), (at(1), 0.0), (at(4), 60.0)), ((at(0), 40.0), (at(4), 30.0)), (failed, done), at(0), at(9), 2
    )
    assert points == ((at(0), 1.0), (at(3), 2.0), (at(4), 2.0), (at(9), 2.0))
    assert instances_over_time((), (), (), at(0), at(9), 3) == ((at(9), 3.0),)
