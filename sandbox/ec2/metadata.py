"""The instance metadata service: what an instance knows of itself, and the keys of its role.

Source: EC2 User Guide, "Use the Instance Metadata Service". Every instance has an address of its own on the loopback
device, with a secret in its path: so no other user of the machine can ask for the keys.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import unquote

from sandbox.auth.credentials import SessionCredentials
from sandbox.context import SandboxContext
from sandbox.core.account import ACCOUNT_ID, REGION
from sandbox.core.numbers import whole
from sandbox.ec2.records import Instance, Instances
from sandbox.http.http1 import RawRequest
from sandbox.http.server import HttpServer
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse

# The longest life of a session token, in seconds: six hours.
MAX_TTL = 21_600
PRINCIPAL = "ec2.amazonaws.com"
# Keys for some six hours, as on AWS; new ones are there before the old ones end.
_KEY_SECONDS = 6 * 3600.0
_RENEW_BEFORE = 3600.0
_TTL_HEADER = "x-aws-ec2-metadata-token-ttl-seconds"
_TOKEN_HEADER = "x-aws-ec2-metadata-token"  # noqa: S105
_TEXT = {"Content-Type": "text/plain", "Server": "EC2ws"}


@dataclass
class _Door:
    """One instance's address: the secret in it, the tokens (monotonic end), the role's keys that were handed out."""

    instance: str
    secret: str
    tokens: dict[str, float] = field(default_factory=dict)
    keys: dict[str, SessionCredentials] = field(default_factory=dict)
    issued: list[str] = field(default_factory=list)


class Metadata:
    """The service for all instances; its server starts with the first of them."""

    def __init__(self, ctx: SandboxContext, instances: Instances) -> None:
        self._ctx, self._instances = ctx, instances
        self._lock = threading.Lock()
        self._doors: dict[str, _Door] = {}
        self._by_instance: dict[str, _Door] = {}
        self._server: HttpServer | None = None

    def open(self, instance: Instance) -> str:
        """Serve an instance; returns the URL for AWS_EC2_METADATA_SERVICE_ENDPOINT."""
        with self._lock:
            if self._server is None:
                self._server = HttpServer(0, self.answer)
                threading.Thread(target=self._server.serve, name="instance metadata", daemon=True).start()
            door = self._by_instance.get(instance.id)
            if door is None:
                door = _Door(instance.id, secrets.token_urlsafe(18))
                self._doors[door.secret] = self._by_instance[instance.id] = door
        return self.url(instance.id)

    def url(self, instance_id: str) -> str:
        """The address of an instance's metadata, without a slash at its end; empty when it is not served."""
        door = self._by_instance.get(instance_id)
        return f"{self._server.url}/{door.secret}" if door is not None and self._server is not None else ""

    def close(self, instance_id: str) -> None:
        """The instance is not running any more: its keys are worthless from now on."""
        with self._lock:
            door = self._by_instance.pop(instance_id, None)
            if door is not None:
                del self._doors[door.secret]
        for key_id in door.issued if door is not None else ():
            self._ctx.credentials.revoke(key_id)

    def stop(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.stop()

    def answer(self, raw: RawRequest) -> RestResponse:
        """One request to the service."""
        _, secret, path = [*raw.target.partition("?")[0].split("/", 2), "", ""][:3]
        door = self._doors.get(secret)
        instance = self._instances.find(door.instance) if door is not None else None
        if door is None or instance is None or instance.metadata.get("HttpEndpoint") == "disabled":
            return _status(403, "Forbidden")
        if path.rstrip("/") == "latest/api/token":
            return _token(door, raw)
        if raw.method != "GET":
            return _status(405, "Method Not Allowed")
        token = raw.headers.get(_TOKEN_HEADER)
        if (token is not None and door.tokens.get(token, 0.0) < time.monotonic()) or (
            token is None and instance.metadata.get("HttpTokens") == "required"
        ):
            return _status(401, "Unauthorized")
        version, _, rest = unquote(path).partition("/")
        if not version:
            return _text("1.0\nlatest")
        if version != "latest" and not version[:1].isdigit():
            return _status(404, "Not Found")
        found = self._find(door, instance, rest.strip("/"))
        return _status(404, "Not Found") if found is None else _text(found)

    def _find(self, door: _Door, instance: Instance, path: str) -> str | None:
        head, _, rest = path.partition("/")
        if head == "user-data":
            return base64.b64decode(instance.user_data).decode("utf-8", "replace") if instance.user_data else None
        if path == "dynamic/instance-identity/document":
            return json.dumps(_identity(instance), indent=2)
        if not head:
            return "dynamic\nmeta-data" + ("\nuser-data" if instance.user_data else "")
        if head != "meta-data":
            return None
        if rest.startswith("iam/"):
            return self._iam(door, instance, rest)
        tree = _tree(instance, self._tags(instance))
        return _look(tree, rest)

    def _tags(self, instance: Instance) -> dict[str, str]:
        shown = instance.metadata.get("InstanceMetadataTags") == "enabled"
        return self._instances.tags(instance.id) if shown else {}

    def _iam(self, door: _Door, instance: Instance, path: str) -> str | None:
        if not instance.profile:
            return None
        role = role_of(self._ctx, instance.profile)
        if path == "iam/info":
            known = {"Code": "Success", "LastUpdated": _iso(time.time()), "InstanceProfileArn": instance.profile_arn}
            return json.dumps({**known, "InstanceProfileId": instance.profile_id}, indent=2)
        name = role.rpartition("/")[2]
        if path == "iam/security-credentials":
            return name or None
        if not role or path != f"iam/security-credentials/{name}":
            return None
        if not self._ctx.access.trusts_service(role, PRINCIPAL, instance.arn):
            failed = {"Code": "AssumeRoleUnauthorizedAccess", "LastUpdated": _iso(time.time())}
            text = f"EC2 cannot assume the role {name}. Please see documentation at "
            text += "https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html"
            return json.dumps({**failed, "Message": text}, indent=2)
        keys = self._keys(door, role)
        content = {
            "Code": "Success",
            "LastUpdated": _iso(keys.expires - _KEY_SECONDS),
            "Type": "AWS-HMAC",
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret_access_key,
            "Token": keys.session_token,
            "Expiration": _iso(keys.expires),
        }
        return json.dumps(content, indent=2)

    def _keys(self, door: _Door, role: str) -> SessionCredentials:
        with self._lock:
            keys = door.keys.get(role)
            if keys is None or keys.expires - time.time() < _RENEW_BEFORE:
                keys = self._ctx.credentials.issue_session(role, door.instance, _KEY_SECONDS, kept=False)
                door.keys[role] = keys
                door.issued.append(keys.access_key_id)
            return keys


def role_of(ctx: SandboxContext, profile: str) -> str:
    """The ARN of the role in an instance profile; empty when there is none."""
    try:
        found = ctx.call("iam", "GetInstanceProfile", {"InstanceProfileName": profile})
    except AwsError as error:
        if error.status == 503:
            raise
        return ""
    roles = found["InstanceProfile"].get("Roles") or []
    return str(roles[0]["Arn"]) if roles else ""


def _token(door: _Door, raw: RawRequest) -> RestResponse:
    if raw.method != "PUT":
        return _status(405, "Method Not Allowed")
    if "x-forwarded-for" in raw.headers:
        return _status(403, "Forbidden")
    seconds = whole(raw.headers.get(_TTL_HEADER, ""))
    if seconds is None or not 1 <= seconds <= MAX_TTL:
        return _status(400, "Bad Request")
    now = time.monotonic()
    for old in [token for token, end in door.tokens.items() if end < now]:
        door.tokens.pop(old, None)
    token = secrets.token_urlsafe(40)
    door.tokens[token] = now + seconds
    return RestResponse(200, {**_TEXT, _TTL_HEADER: str(seconds)}, token.encode())


def _tree(instance: Instance, tags: dict[str, str]) -> dict[str, object]:
    groups = "\n".join(group["GroupName"] for group in instance.groups)
    public = {"public-hostname": instance.public_dns, "public-ipv4": instance.public_ip} if instance.public_ip else {}
    card = {
        "interface-id": instance.interface,
        "local-ipv4s": instance.private_ip,
        "mac": instance.mac,
        "owner-id": ACCOUNT_ID,
        "security-group-ids": "\n".join(group["GroupId"] for group in instance.groups),
        "security-groups": groups,
        "subnet-id": instance.subnet,
        "vpc-id": instance.vpc,
    }
    return {
        "ami-id": instance.image,
        "ami-launch-index": str(instance.index),
        "hostname": instance.private_dns,
        **({"iam": {"info": "", "security-credentials": {}}} if instance.profile else {}),
        "instance-action": "none",
        "instance-id": instance.id,
        "instance-life-cycle": "on-demand",
        "instance-type": instance.type,
        "local-hostname": instance.private_dns,
        "local-ipv4": instance.private_ip,
        "mac": instance.mac,
        "network": {"interfaces": {"macs": {instance.mac: card}}},
        "placement": {"availability-zone": instance.zone, "region": REGION},
        **public,
        "reservation-id": instance.reservation,
        "security-groups": groups,
        "services": {"domain": "amazonaws.com", "partition": "aws"},
        **({"tags": {"instance": tags}} if tags else {}),
    }


def _look(tree: Mapping[str, object], path: str) -> str | None:
    node: object = tree
    for part in path.split("/") if path else ():
        node = node.get(part) if isinstance(node, dict) else None
        if node is None:
            return None
    if isinstance(node, dict):
        return "\n".join(f"{name}/" if isinstance(value, dict) else name for name, value in node.items())
    return str(node)


def _identity(instance: Instance) -> dict[str, object]:
    return {
        "accountId": ACCOUNT_ID,
        "architecture": instance.image_facts.get("Architecture", "x86_64"),
        "availabilityZone": instance.zone,
        "imageId": instance.image,
        "instanceId": instance.id,
        "instanceType": instance.type,
        "pendingTime": _iso(instance.launched),
        "privateIp": instance.private_ip,
        "region": REGION,
        "version": "2017-09-30",
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _text(text: str) -> RestResponse:
    return RestResponse(200, dict(_TEXT), text.encode())


def _status(code: int, words: str) -> RestResponse:
    page = f"<html><head><title>{code} - {words}</title></head><body><h1>{code} - {words}</h1></body></html>\n"
    return RestResponse(code, {"Content-Type": "text/html", "Server": "EC2ws"}, page.encode())
