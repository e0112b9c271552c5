"""A role's session that the operator opens from a shell: what a notebook instance with this role would have.

The sandbox runs in another process, and the role trusts SageMaker rather than the operator. Whoever may write to the
state folder owns the account, so the keys are written there, where the sandbox looks for a session that it does not
know.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from sandbox.auth.credentials import SessionCredentials, keep_session
from sandbox.core.state import Database

SESSION_NAME = "SageMaker"
# The longest session of any role (IAM User Guide, "Using IAM roles").
SESSION_SECONDS = 12 * 3600
_SERVICE = "sagemaker.amazonaws.com"


class RoleProblem(Exception):
    """No session can be opened; the text says why, for a person."""


def open_session(state: Path, ready: Mapping[str, Any], name: str) -> SessionCredentials:
    """Keys of a session of the role ``name`` in the sandbox that runs on ``state``. Raises ``RoleProblem``."""
    role = _role(ready, name)
    if not _trusts_sagemaker(role["AssumeRolePolicyDocument"]):
        raise RoleProblem(f"The role {name} does not trust {_SERVICE}: no notebook instance could have it.")
    db = Database(state / "sandbox.db")
    try:
        return keep_session(db, role["Arn"], SESSION_NAME, SESSION_SECONDS, role["RoleId"])
    finally:
        db.close()


def _role(ready: Mapping[str, Any], name: str) -> Any:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.session.Session().client(
        "iam",
        region_name=ready["region"],
        endpoint_url=ready["endpoint_url"],
        aws_access_key_id=ready["access_key_id"],
        aws_secret_access_key=ready["secret_access_key"],
    )
    try:
        return client.get_role(RoleName=name.rpartition("/")[2])["Role"]
    except ClientError as error:
        raise RoleProblem(error.response["Error"]["Message"]) from error
    except BotoCoreError as error:
        raise RoleProblem(f"The sandbox does not answer: {error}") from error


def _trusts_sagemaker(document: Any) -> bool:
    given = json.loads(unquote(document)) if isinstance(document, str) else document
    statements = given.get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        services = principal.get("Service", ()) if isinstance(principal, dict) else ()
        if statement.get("Effect") == "Allow" and _SERVICE in ([services] if isinstance(services, str) else services):
            return True
    return False
