"""A refusal in AWS's words.

Source: IAM User Guide, "Troubleshoot access denied error messages".
"""

from __future__ import annotations

from sandbox.policy.evaluate import Decision
from sandbox.wire.errors import AwsError

_ARTICLES = {"identity-based": "an identity-based policy", "permissions boundary": "a permissions boundary",
             "session": "a session policy", "resource-based": "a resource-based policy"}  # fmt: skip
_MISSING = {"permissions boundary": "permissions boundary", "session": "session policy"}


def refusal(decision: Decision, user: str, action: str, resource: str, protocol: str) -> AwsError:
    """The error for a decision that is not "allowed"; code and status as the services of ``protocol`` send them."""
    shown = f'"{resource}"' if protocol == "s3" else resource
    text = f"User: {user} is not authorized to perform: {action} on resource: {shown} {_reason(decision, action)}"
    return _denied(text, protocol)


def undecided(user: str, service: str, operation: str, protocol: str) -> AwsError:
    """The error for an operation of which the sandbox does not know what it needs: nobody but the operator has it."""
    text = (
        f"User: {user} is not authorized to perform: {service}:{operation} "
        "because the sandbox does not know which resources this operation is about; only its operator may perform it"
    )
    return _denied(text, protocol)


def _denied(text: str, protocol: str) -> AwsError:
    if protocol == "ec2":
        return AwsError("UnauthorizedOperation", f"You are not authorized to perform this operation. {text}", 403)
    if protocol in ("s3", "query", "rest-xml"):
        return AwsError("AccessDenied", text, 403)
    return AwsError("AccessDeniedException", text, 403 if protocol == "rest-json" else 400)


def _reason(decision: Decision, action: str) -> str:
    if decision.effect == "explicitDeny":
        return f"with an explicit deny in {_ARTICLES[decision.policy_kind]}"
    return f"because no {_MISSING.get(decision.policy_kind, 'identity-based policy')} allows the {action} action"
