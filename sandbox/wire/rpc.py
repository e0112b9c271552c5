"""AWS's RPC protocols: which operation a request names, and its parameters.

Shapes are not consulted: parameters come as plain dicts (awsJson, rpcv2Cbor) or are folded from flat names (awsQuery).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from sandbox.wire import cbor
from sandbox.wire.errors import AwsError
from sandbox.wire.members import check_query, own_members
from sandbox.wire.messages import RestRequest

CBOR_PATH = re.compile(r"^/service/(\w+)/operation/(\w+)$")
MAX_DEPTH = 40
# The largest call of a query service (PutMetricData with 1,000 metrics) has about half of it.
MAX_FIELDS = 50_000
FORM = "application/x-www-form-urlencoded"
# These know only the query protocol, so a header that names an operation means nothing to them.
QUERY_SERVICES = frozenset(
    {
        *("autoscaling", "cloudformation", "cloudsearch", "ec2", "elasticache", "elasticbeanstalk"),
        *("elasticloadbalancing", "email", "iam", "importexport", "rds", "redshift", "sdb", "sns", "sts"),
    }
)
REST_XML_SERVICES = frozenset({"cloudfront", "route53", "s3-control", "s3-outposts"})


@dataclass(frozen=True)
class RpcCall:
    """One operation and its parameters; ``protocol`` is ``json``, ``cbor`` or ``query``."""

    protocol: str
    operation: str
    params: dict[str, Any]


def protocol_of(method: str, raw_path: str, raw_query: str, headers: Mapping[str, str], service: str) -> str:
    """The protocol of a request, from what it looks like; for errors even before it is verified."""
    if service == "s3":
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


def pairs_of(text: str) -> list[tuple[str, str]]:
    """Names and values of a query or of a form. Raises MalformedQueryString beyond ``MAX_FIELDS``."""
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as exc:
        raise AwsError("MalformedQueryString", f"The request has more than {MAX_FIELDS} parameters.") from exc


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


def read_call(request: RestRequest, protocol: str) -> RpcCall:
    """The call that a request makes, with the members of its operation alone.

    Raises SerializationException for a body that cannot be read, InvalidParameterValue for a form with a strange name.
    """
    operation = operation_of(request, protocol)
    if protocol in ("query", "ec2"):
        pairs = pairs_of(request.raw_query or "")
        pairs += pairs_of(request.body().decode("utf-8", "replace"))
        names = [name for name, _ in pairs]
        if len(names) != len(set(names)):
            # Who reads the first and who reads the last would see two different requests.
            raise AwsError("MalformedQueryString", "A parameter is given twice.")
        check_query(request.service, operation, names, protocol == "ec2")
        params = fold([pair for pair in pairs if pair[0] not in ("Action", "Version")])
        return RpcCall("query", operation, params)
    body = request.body()
    try:
        value = (cbor.loads(body) if protocol == "cbor" else json.loads(body)) if body else {}
    except (ValueError, RecursionError) as exc:
        raise AwsError("SerializationException", "The body of the request cannot be read.") from exc
    if not isinstance(value, dict):
        raise AwsError("SerializationException", "The body of the request must be a structure.")
    value = own_members(request.service, operation, value)
    return RpcCall(protocol, operation, value)


def fold(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    """``A.member.1.B=x`` as ``{"A": [{"B": "x"}]}`` (awsQuery's flat names)."""
    root: dict[str, Any] = {}
    for name, value in pairs:
        node = root
        pieces = name.split(".")
        if len(pieces) > MAX_DEPTH:
            raise AwsError("MalformedQueryString", "A parameter's name is too deep.")
        for piece in pieces[:-1]:
            node = node.setdefault(piece, {})
            if not isinstance(node, dict):
                raise AwsError("MalformedQueryString", f"The parameter {name} contradicts another one.")
        node[pieces[-1]] = value
    folded = _lists(root)
    return folded if isinstance(folded, dict) else {}


def _lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    for wrapper in ("member", "entry"):
        if set(node) == {wrapper} and isinstance(node[wrapper], dict):
            node = node[wrapper]
            break
    if node and all(name.isascii() and name.isdigit() and len(name) < 10 for name in node):
        items = [_lists(node[name]) for name in sorted(node, key=int)]
        if all(isinstance(item, dict) and set(item) == {"key", "value"} for item in items):
            return {item["key"]: item["value"] for item in items}
        return items
    return {name: _lists(value) for name, value in node.items()}
