"""The one document that runs here: AWS-RunShellScript, its parameters and what they must be.

Source: the document itself (``aws ssm get-document --name AWS-RunShellScript``).
"""

from __future__ import annotations

import json
import re
from typing import Any

from sandbox.wire.errors import AwsError

RUN_SHELL_SCRIPT = "AWS-RunShellScript"
_TIMEOUT = r"([1-9][0-9]{0,4})|(1[0-6][0-9]{4})|(17[0-1][0-9]{3})|(172[0-7][0-9]{2})|(172800)"
_DEFAULTS = {"workingDirectory": [""], "executionTimeout": ["3600"]}
CONTENT: dict[str, Any] = {
    "schemaVersion": "1.2",
    "description": "Run a shell script or specify the commands to run.",
    "parameters": {
        "commands": {
            "type": "StringList",
            "description": "(Required) Specify a shell script or a command to run.",
            "minItems": 1,
            "displayType": "textarea",
        },
        "workingDirectory": {
            "type": "String",
            "default": "",
            "description": "(Optional) The path to the working directory on your instance.",
            "maxChars": 4096,
        },
        "executionTimeout": {
            "type": "String",
            "default": "3600",
            "description": "(Optional) The time in seconds for a command to complete before it is considered to have "
            "failed. Default is 3600 (1 hour). Maximum is 172800 (48 hours).",
            "allowedPattern": _TIMEOUT,
        },
    },
    "runtimeConfig": {
        "aws:runShellScript": {
            "properties": [
                {
                    "id": "0.aws:runShellScript",
                    "runCommand": "{{ commands }}",
                    "workingDirectory": "{{ workingDirectory }}",
                    "timeoutSeconds": "{{ executionTimeout }}",
                }
            ]
        }
    },
}


def check_document(name: str) -> None:
    """Raise UnsupportedPlatformType or InvalidDocument for another document."""
    short = name.rpartition("/")[2] if name.startswith("arn:") else name
    if short == RUN_SHELL_SCRIPT:
        return
    if "PowerShell" in short or short.startswith("AWS-Windows"):
        raise AwsError(
            "UnsupportedPlatformType", "The document does not support the platform of the instance(s): Linux"
        )
    raise AwsError("InvalidDocument", f"Document with name {name} does not exist.")


def check_parameters(given: dict[str, list[str]] | None) -> dict[str, list[str]]:
    """The parameters with their defaults. Raises InvalidParameters."""
    values = dict(given or {})
    for name in values:
        if name not in CONTENT["parameters"]:
            raise AwsError("InvalidParameters", f"Parameter {name!r} is not defined in the document.")
    commands = values.get("commands") or []
    if not commands:
        raise AwsError("InvalidParameters", 'Document parameter "commands" is required but was not given a value.')
    values = {**_DEFAULTS, **values}
    for name in ("workingDirectory", "executionTimeout"):
        if len(values[name]) != 1:
            raise AwsError("InvalidParameters", f'Parameter "{name}" is of type String and takes one value.')
    if not re.fullmatch(_TIMEOUT, values["executionTimeout"][0]):
        text = (
            f'Parameter "executionTimeout" with value "{values["executionTimeout"][0]}" must match regular expression '
        )
        raise AwsError("InvalidParameters", text + _TIMEOUT)
    return values


def described() -> dict[str, Any]:
    """DescribeDocument's Document."""
    return {
        "Name": RUN_SHELL_SCRIPT,
        "Owner": "Amazon",
        "Status": "Active",
        "DocumentVersion": "1",
        "LatestVersion": "1",
        "DefaultVersion": "1",
        "DocumentType": "Command",
        "DocumentFormat": "JSON",
        "SchemaVersion": "1.2",
        "PlatformTypes": ["Linux", "MacOS"],
        "Description": CONTENT["description"],
        "Parameters": [
            {
                "Name": name,
                "Type": about["type"],
                "Description": about["description"],
                **({"DefaultValue": about["default"]} if "default" in about else {}),
            }
            for name, about in CONTENT["parameters"].items()
        ],
    }


def content() -> str:
    """GetDocument's Content."""
    return json.dumps(CONTENT, indent=2)
