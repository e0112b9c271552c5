"""Links to things of an account: ``sagedeck://123456789012/us-east-1/endpoint/dogs``, and where AWS's console has them.

A link only names something. Opening one shows it, and never changes anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote

from workers.inventory.kinds import KINDS, Kind

SCHEME = "sagedeck://"
# AWS's longest names are ARNs of some 200 characters; escaped they are at most three times as long.
MOST_LETTERS = 2048
_ACCOUNT, _REGION = re.compile(r"[0-9]{12}"), re.compile(r"[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}")
_SAGEMAKER = {
    "endpoint": "endpoints", "endpoint-config": "endpointConfig", "model": "models", "training-job": "jobs",
    "tuning-job": "hyper-tuning-jobs", "processing-job": "processing-jobs", "transform-job": "transform-jobs",
    "notebook": "notebook-instances",
}  # fmt: skip
_EC2 = {
    "instance": "InstanceDetails:instanceId", "volume": "VolumeDetails:volumeId",
    "address": "ElasticIpDetails:AllocationId", "security-group": "SecurityGroup:groupId",
}  # fmt: skip
_DOMAINS = {"cn": "console.amazonaws.cn", "us-gov": "console.amazonaws-us-gov.com"}


class NoLink(ValueError):
    """A text that is no link of ours; its words say why."""


@dataclass(frozen=True)
class Link:
    """One thing: ``name`` is its name, or its id where AWS tells it by that."""

    account: str
    region: str
    kind: Kind
    name: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.account}/{self.region}/{self.kind}/{quote(self.name, safe='')}"

    @classmethod
    def read(cls, text: str) -> Link:
        """The link that ``text`` is; raises ``NoLink``. Whatever comes from outside goes through here."""
        text = text.strip()
        if not text.lower().startswith(SCHEME):
            raise NoLink(f"A link of SageDeck begins with {SCHEME}.")
        if len(text) > MOST_LETTERS:
            raise NoLink("The link is too long.")
        parts = text[len(SCHEME) :].rstrip("/").split("/")
        if len(parts) != 4:
            raise NoLink(f"A link is {SCHEME}ACCOUNT/REGION/KIND/NAME.")
        account, region, called, escaped = parts
        kind = next((known for known in KINDS if known == called), None)
        if not _ACCOUNT.fullmatch(account):
            raise NoLink("The link's account is not one of AWS: it has 12 digits.")
        if not _REGION.fullmatch(region):
            raise NoLink("The link's region is not one of AWS, such as us-east-1.")
        if kind is None:
            raise NoLink("The link is to a kind of thing that SageDeck does not know.")
        try:
            name = unquote(escaped, errors="strict")
        except UnicodeDecodeError:
            name = ""
        if not name or not name.isprintable():
            raise NoLink("The link names nothing that can be looked for.")
        return cls(account, region, kind, name)


def console_url(kind: str, name: str, region: str) -> str:
    """Where AWS's own console shows it; "" where it has no page for one."""
    partition = next((part for part in _DOMAINS if region.startswith(f"{part}-")), "")
    domain = _DOMAINS.get(partition, "console.aws.amazon.com")
    base, safe = f"https://{region}.{domain}", quote(name, safe="")
    if kind in _SAGEMAKER:
        return f"{base}/sagemaker/home?region={region}#/{_SAGEMAKER[kind]}/{safe}"
    if kind in _EC2:
        return f"{base}/ec2/home?region={region}#{_EC2[kind]}={safe}"
    if kind == "function":
        return f"{base}/lambda/home?region={region}#/functions/{safe}"
    if kind == "bucket":
        return f"{base}/s3/buckets/{safe}?region={region}"
    if kind == "alarm":
        return f"{base}/cloudwatch/home?region={region}#alarmsV2:alarm/{safe}"
    if kind == "log-group":
        # CloudWatch escapes twice, and with another sign.
        return f"{base}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/{quote(safe).replace('%', '$')}"
    if kind == "role":
        return f"https://{domain}/iam/home#/roles/details/{safe}"
    return ""


def name_in_link(kind: str, name: str, identity: str) -> str:
    """What a link calls it: an id such as ``i-0a3f``, but a name rather than an ARN."""
    return name if identity.startswith("arn:") or not identity or kind == "role" else identity
