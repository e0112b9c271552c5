"""IAM, enforced: may this caller do what it asks? Asked between the signature and the service, and by services.

The operator is the account's administrator: only the policy of a bucket can deny it something, so its requests cost
next to nothing here. Everybody else (sessions of roles, IAM users) may do what the policies of ``principals`` and
``resource_policies`` allow by the rules of ``sandbox.policy``.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Mapping, Sequence
from datetime import UTC, datetime

from sandbox.audit.usage import Usage
from sandbox.core.account import ACCOUNT_ID, OPERATOR_ARN, REGION, assumed_role_arn, bucket_arn
from sandbox.core.account import arn as account_arn
from sandbox.iam.known import Known
from sandbox.iam.needs import Need, needs_of
from sandbox.iam.needs.s3 import delete_need
from sandbox.iam.principals import Principal, Principals, Source
from sandbox.iam.refusal import refusal, undecided
from sandbox.iam.resource_policies import ResourcePolicies
from sandbox.moto_host.bridge import MotoBridge
from sandbox.policy.document import parsed
from sandbox.policy.evaluate import Decision, evaluate, trusts
from sandbox.policy.text import as_list
from sandbox.s3.requests.call import S3Call
from sandbox.s3.store import Store
from sandbox.service import Refusals
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

_NOBODY = Principal("")
_ALL = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
_ADMINISTRATOR = Principal(OPERATOR_ARN, (Source("AdministratorAccess", "aws-managed", _ALL),))
_SERVICE_SESSION = "SageMaker"
_POLICY_ACTIONS = frozenset({"s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"})
_HEADERS = {"user-agent": "aws:UserAgent", "referer": "aws:Referer"}


class Iam:
    """Decides about requests and about what services do for a role."""

    def __init__(self, bridge: MotoBridge, store: Store, usage: Usage) -> None:
        self.principals = Principals(bridge)
        self.known = Known()
        self._resources = ResourcePolicies(store, self.principals)
        self._store = store
        self._usage = usage

    def authorize(self, call: Call) -> Refusals:
        """Raise AWS's refusal when the caller may not make this call; nothing of it is changed.

        Returns what is refused of a call that is answered piece by piece (the entries of a DeleteObjects).
        """
        if call.caller.arn == OPERATOR_ARN:
            return self._check_bucket_policy(call) if isinstance(call, S3Call) else {}
        needs = needs_of(call, self.principals)
        if needs is None:
            raise undecided(call.caller.arn, call.service, call.operation, call.protocol)
        context = _request_context(call)
        if isinstance(call, S3Call) and call.deletions:
            return self._refused_deletions(call, context)
        for need in needs:
            self._require(call.caller, need, context, call.protocol, call.region)
        if isinstance(call, S3Call) and needs[0].action == "s3:GetObject":
            self._hide_missing(call, context)
        return {}

    def _check_bucket_policy(self, call: S3Call) -> Refusals:
        """The operator's own policies allow everything, but a bucket's policy may deny it something, as on AWS.

        The policy itself the operator can always read, replace and remove, as the account's root user can.
        """
        policy = self._resources.of_bucket(call.bucket)
        statements = as_list(policy.get("Statement", [])) if policy is not None else []
        if not any(statement.get("Effect") == "Deny" for statement in statements):
            return {}
        context = _request_context(call)
        if call.deletions:
            return self._refused_deletions(call, context)
        for need in needs_of(call, self.principals) or ():
            if need.action not in _POLICY_ACTIONS:
                self._require(call.caller, need, context, "s3", call.region)
        return {}

    def authorize_role(
        self, role_arn: str, action: str, resource: str, context: Mapping[str, str] | None = None
    ) -> None:
        """Raise AWS's refusal unless the role of a job or an endpoint allows a service this ``action``."""
        caller = Caller(assumed_role_arn(role_arn, _SERVICE_SESSION), ACCOUNT_ID, "", role_arn)
        protocol = "s3" if action.startswith("s3:") else "json"
        self._usage.used(role_arn, action)
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
        """The decision about one permission."""
        operator = caller.arn == OPERATOR_ARN
        principal = _ADMINISTRATOR if operator else self._principal(caller)
        policies = caller.session.policies if caller.session is not None else ()
        return evaluate(
            need.action,
            need.resource,
            identity=principal.identity,
            boundary=principal.boundary,
            session=[parsed(text) for text in policies] or None,
            resource_policy=self._resources.of(need),
            principal=caller.arn,
            role=caller.role_arn or "",
            context=caller_context(caller, principal) | dict(context) | dict(need.context),
        )

    def check_assume(self, caller: Caller, role_arn: str, actions: Sequence[str], context: Mapping[str, str]) -> None:
        """Raise AWS's refusal when the role's trust policy does not allow ``caller`` one of ``actions``."""
        role = self.principals.find(role_arn)
        trust = role.trust if role is not None else None
        facts = caller_context(caller, self._principal(caller)) | common_context() | dict(context)
        for action in actions:
            if trust is None or not trusts(trust, caller.arn, facts, action, caller.role_arn or ""):
                message = f"User: {caller.arn} is not authorized to perform: {action} on resource: {role_arn}"
                raise AwsError("AccessDenied", message, 403)

    def trusts_service(self, role_arn: str, service: str, source_arn: str = "") -> bool:
        """Whether the role exists and its trust policy lets ``service`` use it for ``source_arn``."""
        role = self.principals.find(role_arn)
        source = source_arn or account_arn(service.partition(".")[0], "*")
        facts = {"aws:SourceAccount": ACCOUNT_ID, "aws:SourceArn": source, "aws:PrincipalIsAWSService": "true"}
        return role is not None and role.trust is not None and trusts(role.trust, service, common_context() | facts)

    def resources(self, call: Call) -> list[str]:
        """The ARNs of what a call is about, but for the roles that it hands on."""
        needs = needs_of(call, self.principals) or ()
        return [need.resource for need in needs if need.resource != "*" and need.action != "iam:PassRole"]

    def exists(self, arn: str) -> bool:
        """Whether the account has a role, user or group of this ARN."""
        return self.principals.find(arn) is not None

    def _principal(self, caller: Caller) -> Principal:
        return self.principals.find(caller.role_arn or caller.arn) or _NOBODY

    def _require(self, caller: Caller, need: Need, context: Mapping[str, str], protocol: str, region: str) -> None:
        shared = {"aws:RequestedRegion": region, **common_context(), **context, **self.known.of(need.resource)}
        decision = self.decide(caller, need, shared)
        if not decision.allowed:
            raise refusal(decision, caller.arn, need.action, need.resource, protocol)

    def _refused_deletions(self, call: S3Call, context: Mapping[str, str]) -> Refusals:
        """DeleteObjects is answered key by key: which entries the caller may not delete, and why."""
        refused: dict[Hashable, AwsError] = {}
        for entry in call.deletions:
            try:
                self._require(call.caller, delete_need(call.bucket, entry), context, "s3", call.region)
            except AwsError as error:
                refused[entry] = error
        return refused

    def _hide_missing(self, call: S3Call, context: Mapping[str, str]) -> None:
        """Refuse to read a key that does not exist, unless the caller may list the bucket.

        Otherwise a caller without that permission could find out by the answers which keys exist. AWS does the same.
        """
        try:
            self._store.get(call.bucket, call.key)
        except AwsError as error:
            if error.code == "NoSuchKey":
                need = Need("s3:ListBucket", bucket_arn(call.bucket))
                self._require(call.caller, need, context, "s3", call.region)


def caller_context(caller: Caller, principal: Principal) -> dict[str, str]:
    """The condition keys about who asks. A session's tags go before those of its role."""
    context = {
        "aws:PrincipalAccount": caller.account,
        "aws:userid": caller.user_id,
        "aws:PrincipalIsAWSService": "false",
        "aws:ViaAWSService": "false",
        **principal_context(caller.role_arn or caller.arn, principal),
    }
    if caller.session is not None:
        context["aws:MultiFactorAuthPresent"] = "false"
        if caller.session.issued:
            context["aws:TokenIssueTime"] = _iso(caller.session.issued)
        context |= {f"aws:PrincipalTag/{key}": value for key, value in caller.session.tags.items()}
    return context


def principal_context(arn: str, principal: Principal) -> dict[str, str]:
    """The condition keys that a role, user or group brings with it."""
    kind, _, path = arn.rpartition(":")[2].partition("/")
    context = {
        "aws:PrincipalArn": arn,
        "aws:PrincipalType": "AssumedRole" if kind == "role" else "User",
        **{f"aws:PrincipalTag/{key}": value for key, value in principal.tags.items()},
    }
    if kind == "user":
        context["aws:username"] = path.rpartition("/")[2]
    return context


def common_context() -> dict[str, str]:
    """The condition keys that are the same for every request to this account."""
    now = time.time()
    return {
        "aws:CurrentTime": _iso(now),
        "aws:EpochTime": str(int(now)),
        "aws:ResourceAccount": ACCOUNT_ID,
        "s3:ResourceAccount": ACCOUNT_ID,
        # Nothing leaves the machine, so what asks for an encrypted connection is satisfied.
        "aws:SecureTransport": "true",
        "aws:SourceIp": "127.0.0.1",
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _request_context(call: Call) -> dict[str, str]:
    headers = call.http.headers
    context = {key: headers[name] for name, key in _HEADERS.items() if headers.get(name)}
    if call.service == "s3":
        context["s3:authType"] = "REST-HEADER" if "authorization" in headers else "REST-QUERY-STRING"
        context["s3:signatureversion"] = "AWS" if "AWSAccessKeyId" in call.http.query else "AWS4-HMAC-SHA256"
    return context
