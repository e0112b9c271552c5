"""IAM about the account and the use of its keys and roles: summary, credential report, last uses.

The root user of a sandbox is nobody; whether it has an MFA device or keys is a setting (``sandbox/core/settings.py``),
so that checks that look for it can be tried.
"""

from __future__ import annotations

import csv
import io
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.audit.usage import Usage
from sandbox.core.account import ACCOUNT_ID
from sandbox.core.settings import root_has_keys, root_has_mfa
from sandbox.core.state import StateDir
from sandbox.moto_host.bridge import MotoBridge
from sandbox.moto_host.calls import Calls
from sandbox.service import Operation
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import (
        GetAccessKeyLastUsedRequestTypeDef,
        GetRoleRequestTypeDef,
    )

# IAM User Guide, "IAM and AWS STS quotas": the defaults.
_QUOTAS = {
    "AccessKeysPerUserQuota": 2,
    "AssumeRolePolicySizeQuota": 2048,
    "AttachedPoliciesPerGroupQuota": 10,
    "AttachedPoliciesPerRoleQuota": 10,
    "AttachedPoliciesPerUserQuota": 10,
    "GroupPolicySizeQuota": 5120,
    "GroupsPerUserQuota": 10,
    "GroupsQuota": 300,
    "InstanceProfilesQuota": 1000,
    "PoliciesQuota": 1500,
    "PolicySizeQuota": 6144,
    "PolicyVersionsInUseQuota": 10_000,
    "RolePolicySizeQuota": 10_240,
    "RolesQuota": 1000,
    "ServerCertificatesQuota": 20,
    "SigningCertificatesPerUserQuota": 2,
    "UserPolicySizeQuota": 2048,
    "UsersQuota": 5000,
    "VersionsPerPolicyQuota": 5,
}
# Nobody can make these here.
_NONE = ("AccountSigningCertificatesPresent", "MFADevices", "MFADevicesInUse", "Providers", "ServerCertificates")
# "IAM User Guide, Getting credential reports": a report is made anew at most once in four hours.
_REPORT_SECONDS = 4 * 3600.0
_COLUMNS = (
    *("user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed"),
    *("password_next_rotation", "mfa_active"),
    *(
        f"access_key_{number}_{name}"
        for number in (1, 2)
        for name in ("active", "last_rotated", "last_used_date", "last_used_region", "last_used_service")
    ),
    *("cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated"),
)
_REPORT, _REPORTED = "credential_report", "credential_report_at"


class AccountFacts:
    """The operations, from IAM's own records and from what was really called."""

    def __init__(self, state: StateDir, bridge: MotoBridge, usage: Usage, calls: Calls) -> None:
        self._state, self._bridge, self._usage, self._calls = state, bridge, usage, calls
        self._lock = threading.Lock()
        self.operations: dict[str, Operation] = {
            "GetAccountSummary": self._summary,
            "GenerateCredentialReport": self._generate,
            "GetCredentialReport": self._report,
            "GetAccessKeyLastUsed": self._key_last_used,
            "GetRole": self._role,
        }

    def _summary(self, given: object, caller: Caller) -> dict[str, Any]:
        with self._bridge.iam() as backend:
            own = [policy for policy in backend.managed_policies.values() if ":aws:policy/" not in str(policy.arn)]
            counts = {
                "Groups": len(backend.groups),
                "InstanceProfiles": len(backend.instance_profiles),
                "Policies": len(own),
                "PolicyVersionsInUse": sum(len(policy.versions) for policy in own),
                "Roles": len(list(backend.get_roles())),
                "Users": len(backend.users),
            }
        root = {
            "AccountAccessKeysPresent": int(root_has_keys()),
            "AccountMFAEnabled": int(root_has_mfa()),
            "AccountPasswordPresent": 1,
            "GlobalEndpointTokenVersion": 1,
        }
        return {"SummaryMap": {**_QUOTAS, **dict.fromkeys(_NONE, 0), **counts, **root}}

    def _generate(self, given: object, caller: Caller) -> dict[str, Any]:
        with self._lock:
            if self._age() < _REPORT_SECONDS:
                return {"State": "COMPLETE"}
            out = io.StringIO()
            writer = csv.writer(out, lineterminator="\n")
            writer.writerow(_COLUMNS)
            writer.writerows(self._rows())
            self._state.set_setting(_REPORT, out.getvalue().rstrip("\n"))
            self._state.set_setting(_REPORTED, str(time.time()))
        return {"State": "STARTED", "Description": "No report exists. Starting a new report generation task"}

    def _age(self) -> float:
        """Seconds since the last report."""
        return time.time() - float(self._state.setting(_REPORTED) or 0)

    def _report(self, given: object, caller: Caller) -> dict[str, Any]:
        content, at = self._state.setting(_REPORT), float(self._state.setting(_REPORTED) or 0)
        if content is None:
            text = "No report exists for the account. Please generate a report first."
            raise AwsError("ReportNotPresent", text, 410)
        if self._age() >= _REPORT_SECONDS:
            raise AwsError("ReportExpired", "The report is older than four hours. Please generate a new report.", 410)
        generated = datetime.fromtimestamp(at, UTC)
        return {"Content": content.encode(), "ReportFormat": "text/csv", "GeneratedTime": generated}

    def _rows(self) -> Iterator[list[str]]:
        with self._bridge.iam() as backend:
            users = [(user.name, str(user.arn), user.create_date, list(user.access_keys)) for user in _by_name(backend)]
        since = min((created for _, _, created, _ in users), default=datetime.now(UTC).replace(tzinfo=None))
        mfa, keys = str(root_has_mfa()).lower(), str(root_has_keys()).lower()
        root = [keys, _iso(since) if root_has_keys() else "N/A", "N/A", "N/A", "N/A"]
        yield [
            *("<root_account>", f"arn:aws:iam::{ACCOUNT_ID}:root", _iso(since), "not_supported", "no_information"),
            *("not_supported", "not_supported", mfa, *root, *_no_key(), *_no_certificates()),
        ]
        for name, arn, created, found in users:
            told = [self._of_key(key) for key in found[:2]]
            told += [_no_key()] * (2 - len(told))
            keys_of = [column for key in told for column in key]
            yield [
                *(name, arn, _iso(created), "false", "N/A", "N/A", "N/A", "false"),
                *(*keys_of, *_no_certificates()),
            ]

    def _of_key(self, key: Any) -> list[str]:
        use = self._usage.of_key(key.access_key_id)
        used = [_iso_at(use.at), use.region, use.service] if use is not None else ["N/A"] * 3
        return [str(key.status == "Active").lower(), _iso(key.create_date), *used]

    def _key_last_used(self, given: GetAccessKeyLastUsedRequestTypeDef, caller: Caller) -> dict[str, Any]:
        wanted = given["AccessKeyId"]
        with self._bridge.iam() as backend:
            owners = [
                str(user.name)
                for user in backend.users.values()
                if any(key.access_key_id == wanted for key in user.access_keys)
            ]
        if not owners:
            raise AwsError("NoSuchEntity", f"The Access Key with id {wanted} cannot be found.", 404)
        use = self._usage.of_key(wanted)
        if use is None:
            return {"UserName": owners[0], "AccessKeyLastUsed": {"ServiceName": "N/A", "Region": "N/A"}}
        last = {"LastUsedDate": datetime.fromtimestamp(use.at, UTC), "ServiceName": use.service, "Region": use.region}
        return {"UserName": owners[0], "AccessKeyLastUsed": last}

    def _role(self, given: GetRoleRequestTypeDef, caller: Caller) -> dict[str, Any]:
        answer = self._calls.moto("iam", "GetRole", given)
        used = self._usage.of([answer["Role"]["Arn"]])
        last = {"LastUsedDate": datetime.fromtimestamp(used[0].at, UTC), "Region": used[0].region} if used else {}
        return {"Role": {**answer["Role"], "RoleLastUsed": last}}


def _by_name(backend: Any) -> list[Any]:
    return sorted(backend.users.values(), key=lambda user: str(user.name))


def _no_key() -> list[str]:
    return ["false", "N/A", "N/A", "N/A", "N/A"]


def _no_certificates() -> list[str]:
    return ["false", "N/A", "false", "N/A"]


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")


def _iso_at(seconds: float) -> str:
    return _iso(datetime.fromtimestamp(seconds, UTC))
