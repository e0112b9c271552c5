"""IAM: what moto lacks (policy simulation, last uses, summary). The rest is moto's; ``enforcer`` enforces it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sandbox.audit.usage import Usage
from sandbox.context import SandboxContext
from sandbox.iam.accessed import LastAccessed
from sandbox.iam.account import AccountFacts
from sandbox.iam.conflicts import Conflicts
from sandbox.iam.enforcer import Iam, common_context, principal_context
from sandbox.iam.simulate import simulate
from sandbox.moto_host.bridge import MotoBridge
from sandbox.moto_host.calls import Calls
from sandbox.policy.document import trust_problem
from sandbox.service import Refusals, Service
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller, RestResponse

if TYPE_CHECKING:
    from mypy_boto3_iam.type_defs import (
        SimulateCustomPolicyRequestTypeDef,
        SimulatePrincipalPolicyRequestTypeDef,
    )


# The member that is a role's trust policy.
_TRUST = {"CreateRole": "AssumeRolePolicyDocument", "UpdateAssumeRolePolicy": "PolicyDocument"}


class IamService(Service):
    """The IAM of the sandbox."""

    name = "iam"
    undone = {
        "SimulateCustomPolicy": {
            "OrderedOrganizationPolicyInputList": ([],),
            "ResourceHandlingOption": (),
            "ResourceOwner": (),
        },
        "SimulatePrincipalPolicy": {"PolicyExclusionList": ([],), "ResourceHandlingOption": (), "ResourceOwner": ()},
    }

    def start(self, ctx: SandboxContext) -> None:
        """Register the operations."""
        self._ctx = ctx
        self.operations = {
            "SimulatePrincipalPolicy": self._simulate,
            "SimulateCustomPolicy": self._simulate_custom,
        }
        bridge, usage, calls = ctx.part(MotoBridge), ctx.part(Usage), ctx.part(Calls)
        self._conflicts = Conflicts(calls, bridge)
        self.operations |= AccountFacts(ctx.state, bridge, usage, calls).operations
        self.operations |= LastAccessed(bridge, ctx.part(Iam).principals, usage).operations

    def check(self, call: Call) -> Call:
        """The call with its members checked; a trust policy, too, which moto would take as any text."""
        call = super().check(call)
        if (member := _TRUST.get(call.operation)) is not None:
            _check_trust(str(call.members[member]))
        return call

    def handle(self, call: Call, refusals: Refusals) -> RestResponse | None:
        """Before moto answers: what IAM would refuse."""
        self._conflicts.check(call.operation, call.members)
        return None

    def _simulate(self, params: SimulatePrincipalPolicyRequestTypeDef, caller: Caller) -> dict[str, object]:
        arn = str(params.get("PolicySourceArn") or "")
        kind, _, name = arn.partition(":iam::")[2].partition(":")[2].partition("/")
        if kind not in ("role", "user", "group") or not name:
            raise AwsError("InvalidInput", f"Invalid Entity Arn: {arn} does not clearly define entity type and name.")
        principal = self._ctx.part(Iam).principals.find(arn)
        if principal is None:
            raise AwsError("NoSuchEntity", f"The {kind} with name {name.rsplit('/', 1)[-1]} cannot be found.", 404)
        return simulate(params, principal, common_context() | principal_context(arn, principal))

    def _simulate_custom(self, params: SimulateCustomPolicyRequestTypeDef, caller: Caller) -> dict[str, object]:
        return simulate(params, None, common_context())


def _check_trust(text: str) -> None:
    """Raise AWS's refusal of what is no trust policy: whoever asks for the role later would stumble over it."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise AwsError("MalformedPolicyDocument", "This policy contains invalid Json") from None
    if wrong := trust_problem(document):
        raise AwsError("MalformedPolicyDocument", wrong)
