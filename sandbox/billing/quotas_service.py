"""The Service Quotas API for the quotas of SageMaker and EC2."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NotRequired, TypedDict, TypeVar

from sandbox.billing.quotas import SERVICES, Quota, Quotas, Raise, catalogue, quota_of
from sandbox.context import SandboxContext
from sandbox.service import Service
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller
from sandbox.wire.paging import page

_SERVICE = "service-quotas"
_ACCOUNT = "ACCOUNT"

T = TypeVar("T")
# The members of an answer; each of the functions below says which.
Answer = dict[str, object]


class Asked(TypedDict):
    """What the operations of this service are given; the model says which of them each one has."""

    ServiceCode: NotRequired[str]
    QuotaCode: NotRequired[str]
    RequestId: NotRequired[str]
    DesiredValue: NotRequired[float]
    Status: NotRequired[str]
    MaxResults: NotRequired[int]
    NextToken: NotRequired[str]


class ServiceQuotasService(Service):
    """What applies, what AWS's defaults are, and requests for more."""

    name = _SERVICE
    undone = {
        "GetServiceQuota": {"ContextId": ()},
        "RequestServiceQuotaIncrease": {"ContextId": (), "SupportCaseAllowed": (True, False)},
    }
    signing_name = "servicequotas"

    _quotas: Quotas

    def start(self, ctx: SandboxContext) -> None:
        """Open the requests."""
        self._quotas = Quotas(ctx.state.db)
        self.operations |= {
            "ListServices": self._list_services,
            "ListServiceQuotas": self._list,
            "GetServiceQuota": self._get,
            "ListAWSDefaultServiceQuotas": self._list_defaults,
            "GetAWSDefaultServiceQuota": self._get_default,
            "RequestServiceQuotaIncrease": self._request,
            "GetRequestedServiceQuotaChange": self._get_request,
            "ListRequestedServiceQuotaChangeHistory": self._history,
            "ListRequestedServiceQuotaChangeHistoryByQuota": self._history_of_quota,
        }

    def _list_services(self, request: Asked, _caller: Caller) -> Answer:
        return {"Services": [{"ServiceCode": code, "ServiceName": name} for code, name in SERVICES.items()]}

    def _list(self, request: Asked, _caller: Caller) -> Answer:
        request = _of_service(request)
        wanted = request.get("QuotaCode")
        found = [quota for quota in _all_of(request) if wanted in (None, quota.code)]
        # Only those on the page are looked up.
        return _page(request, "Quotas", found, lambda quota: _described(quota, self._quotas.limit(quota)))

    def _get(self, request: Asked, _caller: Caller) -> Answer:
        quota = _named(_of_service(request))
        return {"Quota": _described(quota, self._quotas.limit(quota))}

    def _list_defaults(self, request: Asked, _caller: Caller) -> Answer:
        request = _of_service(request)
        return _page(request, "Quotas", _all_of(request), lambda quota: _described(quota, quota.value))

    def _get_default(self, request: Asked, _caller: Caller) -> Answer:
        quota = _named(_of_service(request))
        return {"Quota": _described(quota, quota.value)}

    def _request(self, request: Asked, caller: Caller) -> Answer:
        request = _of_service(request)
        made = self._quotas.request(_named(request), request["DesiredValue"], caller.arn)
        return {"RequestedQuota": _requested(made)}

    def _get_request(self, request: Asked, _caller: Caller) -> Answer:
        wanted = request["RequestId"]
        found = next((request for request in self._quotas.raises() if request.id == wanted), None)
        if found is None:
            raise AwsError("NoSuchResourceException", f"There is no quota request with the ID {wanted}.")
        return {"RequestedQuota": _requested(found)}

    def _history(self, request: Asked, _caller: Caller) -> Answer:
        service = request.get("ServiceCode")
        if service is not None and service not in SERVICES:
            raise _no_service(service)
        found = [request for request in self._quotas.raises() if service in (None, request.quota.service)]
        return self._history_page(request, found)

    def _history_of_quota(self, request: Asked, _caller: Caller) -> Answer:
        request = _of_service(request)
        return self._history_page(request, self._quotas.raises(_named(request).code))

    def _history_page(self, request: Asked, found: Sequence[Raise]) -> Answer:
        wanted = request.get("Status")
        return _page(request, "RequestedQuotas", [made for made in found if wanted in (None, made.status)], _requested)


def _of_service(request: Asked) -> Asked:
    if request["ServiceCode"] not in SERVICES:
        raise _no_service(request["ServiceCode"])
    return request


def _all_of(request: Asked) -> list[Quota]:
    return [quota for quota in catalogue().values() if quota.service == request["ServiceCode"]]


def _no_service(code: str) -> AwsError:
    return AwsError(
        "NoSuchResourceException",
        f"The specified service {code} does not exist. The sandbox has {', '.join(SERVICES)} only.",
    )


def _named(request: Asked) -> Quota:
    quota = quota_of(request["QuotaCode"])
    if quota is None or quota.service != request["ServiceCode"]:
        raise AwsError("NoSuchResourceException", f"The specified quota {request['QuotaCode']} does not exist.")
    return quota


def _described(quota: Quota, value: float) -> Answer:
    return {
        "ServiceCode": quota.service,
        "ServiceName": SERVICES[quota.service],
        "QuotaArn": quota.arn,
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": value,
        "Unit": "None",
        "Adjustable": quota.adjustable,
        "GlobalQuota": False,
        "QuotaAppliedAtLevel": _ACCOUNT,
    }


def _requested(raised: Raise) -> Answer:
    case = {"CaseId": str(int(raised.id[:12], 16))} if raised.status == "CASE_OPENED" else {}
    return {
        "Id": raised.id,
        "ServiceCode": raised.quota.service,
        "ServiceName": SERVICES[raised.quota.service],
        "QuotaCode": raised.quota.code,
        "QuotaName": raised.quota.name,
        "DesiredValue": raised.desired,
        "Status": raised.status,
        "Created": datetime.fromtimestamp(raised.created, UTC),
        "LastUpdated": datetime.fromtimestamp(raised.updated, UTC),
        "Requester": raised.requester,
        "QuotaArn": raised.quota.arn,
        "GlobalQuota": False,
        "Unit": "None",
        "QuotaRequestedAtLevel": _ACCOUNT,
        **case,
    }


def _page(request: Asked, member: str, rows: Sequence[T], show: Callable[[T], Answer]) -> Answer:
    bad_token = AwsError("InvalidPaginationTokenException", "Invalid input was provided for NextToken.")
    return page(request, member, rows, show, bad_token)
