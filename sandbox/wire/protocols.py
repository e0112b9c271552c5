"""Which of AWS's protocols a request speaks, and which operation it names."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sandbox.wire.form import pairs_of
from sandbox.wire.messages import RestRequest

CBOR_PATH = re.compile(r"^/service/(\w+)/operation/(\w+)$")
FORM = "application/x-www-form-urlencoded"
# These know only the query protocol, so a header that names an operation means nothing to them.
QUERY_SERVICES = frozenset(
    {
        *("autoscaling", "cloudformation", "cloudsearch", "ec2", "elasticache", "elasticbeanstalk"),
        *("elasticloadbalancing", "email", "iam", "importexport", "rds", "redshift", "sdb", "sns", "sts"),
    }
)
REST_XML_SERVICES = frozenset({"cloudfront", "route53", "s3-control", "s3-outposts"})


def protocol_of(method: str, raw_path: str, raw_query: str, headers: Mapping[str, str], service: str) -> str:
    """The protocol of a request, from what it looks like; for errors even before it is verified."""
    # Directory buckets are signed for under a name of their own.
    if service in ("s3", "s3express"):
        return "s3"
    if service in QUERY_SERVICES:
        return "ec2" if service == "ec2" else "query"
    if headers.get("smithy-protocol") == "rpc-v2-cbor" or CBOR_PATH.match(raw_path):
        return "cbor"
    if "x-amz-target" in headers:
        return "json"
    if headers.get("content-type", "").startswith(FORM) or (raw_query.startswith("Action=") and raw_path == "/"):
        return "ec2" if service == "ec2" else "query"
    if service in ("s3", ""):
        return "s3"
    return "rest-xml" if service in REST_XML_SERVICES else "rest-json"


def operation_of(request: RestRequest, protocol: str) -> str:
    """The operation's name alone (empty for REST protocols)."""
    if protocol == "json":
        return request.headers["x-amz-target"].rpartition(".")[2]
    if protocol == "cbor":
        match = CBOR_PATH.match(request.raw_path)
        return match[2] if match else ""
    if protocol in ("query", "ec2"):
        if "Action" in request.query:
            return request.query["Action"]
        return dict(pairs_of(request.body().decode("utf-8", "replace"))).get("Action", "")
    return ""


def target_of(request: RestRequest, protocol: str) -> str:
    """The service that a request names beside its operation (``SageMaker``); empty where a protocol names none."""
    if protocol == "json":
        return request.headers["x-amz-target"].rpartition(".")[0]
    match = CBOR_PATH.match(request.raw_path) if protocol == "cbor" else None
    return match[1] if match else ""
