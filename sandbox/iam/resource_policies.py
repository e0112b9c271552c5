"""The resource policies that decide about a request: of a bucket, of a function, and the trust policy of a role."""

from __future__ import annotations

from sandbox.core.account import REGION
from sandbox.functions.policy import policy_of
from sandbox.functions.store import FunctionStore
from sandbox.iam.needs import Need
from sandbox.iam.principals import Principals
from sandbox.policy.document import parsed
from sandbox.policy.evaluate import Document
from sandbox.policy.text import as_list
from sandbox.s3.store import Store
from sandbox.wire.errors import AwsError


class ResourcePolicies:
    """Finds the policy of the resource that a permission is about."""

    def __init__(self, store: Store, principals: Principals) -> None:
        self._store, self._principals = store, principals
        self._functions = FunctionStore(store.db, REGION)

    def of(self, need: Need) -> Document | None:
        """The resource's policy; None when it has none, or when its kind has none."""
        if need.action.startswith("s3:"):
            return self.of_bucket(need.resource.removeprefix("arn:aws:s3:::").partition("/")[0])
        if need.action.startswith("lambda:"):
            return policy_of(self._functions, need.resource)
        if need.action in ("sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"):
            role = self._principals.find(need.resource)
            if role is not None and role.trust is not None:
                # A trust policy has no Resource: it is about its role.
                statements = [{**statement, "Resource": "*"} for statement in as_list(role.trust.get("Statement", []))]
                return {**role.trust, "Statement": statements}
        return None

    def of_bucket(self, bucket: str) -> Document | None:
        """The bucket's policy, if the bucket exists and has one."""
        if bucket in ("", "*"):
            return None
        try:
            text = self._store.bucket(bucket).policy
        except AwsError:
            return None
        return parsed(text) if text else None
