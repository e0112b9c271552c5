"""What the operations of ECR, Service Quotas, prices and scaling need, and a few of the account."""

from __future__ import annotations

from sandbox.core.account import arn
from sandbox.iam.needs.need import Names, Need, member_names, text
from sandbox.wire.call import Call


def ecr_needs(call: Call, names: Names) -> list[Need] | None:
    """Of ECR: one repository, or the token with which Docker signs in."""
    action = f"ecr:{call.operation}"
    if call.operation == "GetAuthorizationToken":
        return [Need(action)]
    if "repositoryName" in member_names(call):
        return [Need(action, arn("ecr", f"repository/{text(call, 'repositoryName')}", call.region))]
    return None


_OF_THE_ACCOUNT = frozenset(
    {"DescribeOrganization", "ListEventBuses", "DescribeEventBus", "LookupEvents", "GetCostAndUsage"}
)


def account_needs(call: Call, names: Names) -> list[Need] | None:
    """Of EventBridge, Organizations, CloudTrail and the bill: what is asked about the account as a whole."""
    if call.operation == "DescribeBudgets":
        return [Need("budgets:ViewBudget", arn("budgets", "budget/*", ""))]
    return [Need(f"{call.service}:{call.operation}")] if call.operation in _OF_THE_ACCOUNT else None


def quota_needs(call: Call, names: Names) -> list[Need] | None:
    """Of Service Quotas: a raise is asked for one quota, everything else only reads."""
    action = f"servicequotas:{call.operation}"
    if call.operation == "RequestServiceQuotaIncrease":
        quota = f"{text(call, 'ServiceCode')}/{text(call, 'QuotaCode')}"
        return [Need(action, arn("servicequotas", quota, call.region))]
    return [Need(action)] if call.operation.startswith(("Get", "List")) else None


_PRICES = frozenset({"GetProducts", "DescribeServices", "GetAttributeValues"})


def pricing_needs(call: Call, names: Names) -> list[Need] | None:
    """Of the price list, which is the same for everybody."""
    return [Need(f"pricing:{call.operation}")] if call.operation in _PRICES else None


_SCALING = frozenset(
    {
        *("RegisterScalableTarget", "DeregisterScalableTarget", "PutScalingPolicy", "DeleteScalingPolicy"),
        *("PutScheduledAction", "DeleteScheduledAction"),
    }
)
_SCALING_READ = frozenset(
    {
        *("DescribeScalableTargets", "DescribeScalingPolicies", "DescribeScheduledActions"),
        "DescribeScalingActivities",
    }
)


def scaling_needs(call: Call, names: Names) -> list[Need] | None:
    """Of Application Auto Scaling: a target has a number that no request names, so all of them are asked about."""
    action = f"application-autoscaling:{call.operation}"
    if call.operation in _SCALING_READ:
        return [Need(action)]
    if call.operation not in _SCALING:
        return None
    context = {
        "application-autoscaling:service-namespace": text(call, "ServiceNamespace"),
        "application-autoscaling:scalable-dimension": text(call, "ScalableDimension"),
    }
    return [Need(action, arn("application-autoscaling", "scalable-target/*", call.region), context)]
