"""IAM, enforced: may this caller do what it asks? Asked between the signature and the service, and by services.

The operator is the account's administrator and is never asked about, so its requests cost nothing here. Everybody
else (sessions of roles, IAM users) may do what the policies of ``iam_principals`` allow by the rules of ``policy``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime

from sandbox.account import ACCOUNT_ID, OPERATOR_ARN, REGION, assumed_role_arn
from sandbox.errors import AwsError
from sandbox.iam_principals import Principal, Principals
from sandbox.iam_refusal import refusal
from sandbox.iam_requests import Need, needs_of
from sandbox.iam_s3 import bucket_arn
from sandbox.moto_bridge import MotoBridge
from sandbox.policy import Decision, Document, evaluate, trusts
from sandbox.registry import Caller, RestRequest
from sandbox.s3_store import Store

_NOBODY = Principal("")
_SERVICE_SESSION = "SageMaker"


class Iam:
    """Decides about requests and about what services do for a role."""

    def __init__(self, bridge: MotoBridge, store: Store) -> None:
        self.principals = Principals(bridge)
        self._store = store

    def authorize(self, request: RestRequest, caller: Caller, protocol: str, operation: str) -> None:
        """Raise AWS's refusal when ``caller`` may not make this request."""
        if caller.arn == OPERATOR_ARN:
            return
        needs = needs_of(request, protocol, operation, self.principals.role_arn)
        context = _request_context(request)
        if request.service == "s3" and request.method == "POST" and "delete" in request.query:
            self._sort_out(request, caller, needs, context)
            return
        for need in needs:
            self._require(caller, need, context, protocol, request.region)
        if request.service == "s3" and needs[0].action == "s3:GetObject":
            self._hide_missing(request, caller, needs[0], context)

    def authorize_role(
        self, role_arn: str, action: str, resource: str, context: Mapping[str, str] | None = None
    ) -> None:
        """Raise the refusal that a service gets which does this with the role of a job or an endpoint."""
        caller = Caller(assumed_role_arn(role_arn, _SERVICE_SESSION), ACCOUNT_ID, "", role_arn)
        protocol = "s3" if action.startswith("s3:") else "json"
        self._require(caller, Need(action, resource, context or {}), {}, protocol, REGION)

    def allows_role(self, role_arn: str, action: str, resource: str) -> bool:
        """Whether the role may; for what AWS leaves out silently when it may not."""
        try:
            self.authorize_role(role_arn, action, resource)
        except AwsError as error:
            if error.status == 503:
                raise
            return False
        return True

    def decide(self, caller: Caller, need: Need, context: Mapping[str, str]) -> Decision:
        """The decision about one permission of a caller that is not the operator."""
        principal = self._principal(caller)
        return evaluate(
            need.action,
            need.resource,
            identity=principal.identity,
            boundary=principal.boundary,
            resource_policy=self._resource_policy(need),
            principal=caller.arn,
            context=principal_context(caller) | dict(context) | dict(need.context),
        )

    def check_assume(self, caller: Caller, role_arn: str) -> None:
        """Raise AWS's refusal when the role's trust policy does not let ``caller`` in."""
        role = self.principals.find(role_arn)
        facts = principal_context(caller) | _common_context()
        if role is None or role.trust is None or not trusts(role.trust, caller.arn, facts):
            message = f"User: {caller.arn} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
            raise AwsError("AccessDenied", message, 403)

    def trusts_service(self, role_arn: str, service: str) -> bool:
        """Whether the role exists and its trust policy lets ``service`` use it."""
        role = self.principals.find(role_arn)
        facts = {"aws:SourceAccount": ACCOUNT_ID} | _common_context()
        return role is not None and role.trust is not None and trusts(role.trust, service, facts)

    def principal(self, arn: str) -> Principal | None:
        """The role, user or group of this ARN with its policies."""
        return self.principals.find(arn)

    def _principal(self, caller: Caller) -> Principal:
        return self.principals.find(caller.role_arn or caller.arn) or _NOBODY

    def _require(self, caller: Caller, need: Need, context: Mapping[str, str], protocol: str, region: str) -> None:
        shared = {"aws:RequestedRegion": region, **_common_context(), **context}
        decision = self.decide(caller, need, shared)
        if not decision.allowed:
            raise refusal(decision, caller.arn, need.action, need.resource, protocol)

    def _sort_out(self, request: RestRequest, caller: Caller, needs: list[Need], context: Mapping[str, str]) -> None:
        """DeleteObjects is answered key by key: note which ones the caller may not delete."""
        for need in needs:
            try:
                self._require(caller, need, context, "s3", request.region)
            except AwsError as error:
                request.refused_keys[need.resource.removeprefix("arn:aws:s3:::").partition("/")[2]] = error

    def _hide_missing(self, request: RestRequest, caller: Caller, need: Need, context: Mapping[str, str]) -> None:
        """Who may not list a bucket is not told which keys it lacks: a missing one is refused, not NoSuchKey."""
        bucket, _, key = need.resource.removeprefix("arn:aws:s3:::").partition("/")
        try:
            self._store.get(bucket, key)
        except AwsError as error:
            if error.code == "NoSuchKey":
                self._require(caller, Need("s3:ListBucket", bucket_arn(bucket)), context, "s3", request.region)

    def _resource_policy(self, need: Need) -> Document | None:
        if need.action.startswith("s3:"):
            bucket = need.resource.removeprefix("arn:aws:s3:::").partition("/")[0]
            text = self._store.setting(bucket, "policy") if bucket not in ("", "*") else None
            return json.loads(text) if text else None
        if need.action == "sts:AssumeRole":
            role = self.principals.find(need.resource)
            if role is not None and role.trust is not None:
                statements = role.trust.get("Statement", [])
                listed = statements if isinstance(statements, list) else [statements]
                return {"Statement": [{**one, "Resource": "*"} for one in listed]}
        return None


def principal_context(caller: Caller) -> dict[str, str]:
    """The condition keys about who asks."""
    context = {
        "aws:PrincipalArn": caller.role_arn or caller.arn,
        "aws:PrincipalAccount": caller.account,
        "aws:PrincipalType": "AssumedRole" if caller.role_arn else "User",
        "aws:userid": caller.user_id,
    }
    if not caller.role_arn:
        context["aws:username"] = caller.arn.rsplit("/", 1)[-1]
    return context


def _common_context() -> dict[str, str]:
    now = time.time()
    return {
        "aws:CurrentTime": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(now)),
        "aws:ResourceAccount": ACCOUNT_ID,
        # Nothing leaves the machine, so what asks for an encrypted connection is satisfied.
        "aws:SecureTransport": "true",
        "aws:SourceIp": "127.0.0.1",
    }


def _request_context(request: RestRequest) -> dict[str, str]:
    agent = request.headers.get("user-agent")
    return {"aws:UserAgent": agent} if agent else {}
