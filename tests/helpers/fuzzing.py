"""Requests that no SDK would send: members drawn from AWS's models, odd and of wrong types, in every protocol.

botocore checks what it is given before it sends it, so its serializers are of no use here. What is drawn depends on the
seed alone.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any
from urllib.parse import quote, urlencode

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from sandbox.core.account import ACCOUNT_ID
from sandbox.wire import cbor
from sandbox.wire.models import operation_model, service_model

# Deeper than what services look at, and no request becomes too large.
MAX_DEPTH = 5
_ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/R"
_SAGEMAKER = f"arn:aws:sagemaker:us-east-1:{ACCOUNT_ID}:"
# Values that name what the account has, by the ends of members' names: so operations get beyond "not found".
_NAMED: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"role$|rolearn$", (_ROLE,)),
    (r"rolename$", ("R",)),
    (r"username$", ("user",)),
    (r"groupname$", ("group", "default")),
    (r"policyname$", ("policy",)),
    (r"policyarn$", ("arn:aws:iam::aws:policy/ReadOnlyAccess", f"arn:aws:iam::{ACCOUNT_ID}:policy/policy")),
    (r"document$", ('{"Version":"2012-10-17","Statement":[]}', "{", "[]", "null", '{"Statement":{"Effect":"Allow"}}')),
    (r"bucket(name)?$", ("bucket", "empty", "absent")),
    (r"^key$|s3key$", ("key", "zip")),
    (r"copysource$", ("bucket/key", "bucket")),
    (r"uri$|path$|s3outputpath$", ("s3://bucket/key", "s3://bucket/", "/opt/ml/processing", "s3://")),
    (r"image$", (f"{ACCOUNT_ID}.dkr.ecr.us-east-1.amazonaws.com/sagedeck:1",)),
    (r"instancetype$", ("ml.m5.large", "t3.micro")),
    (r"functionname$", ("f", f"arn:aws:lambda:us-east-1:{ACCOUNT_ID}:function:f")),
    (r"loggroupname$|loggroupidentifier$", ("group",)),
    (r"logstreamname$", ("stream",)),
    (r"instanceids?$", ("i-0123456789abcdef0", "i-1")),
    (r"vpcid$", ("vpc-00000000", "vpc-x")),
    (r"resourcearn$|arn$", (_SAGEMAKER + "model/model", _ROLE, f"arn:aws:lambda:us-east-1:{ACCOUNT_ID}:function:f")),
    (r"endpointname$", ("endpoint",)),
    (r"endpointconfigname$", ("config",)),
    (r"modelname$", ("model",)),
    (r"^resourceid$", ("endpoint/endpoint/variant/all", "function:f:1", "service/a/b")),
    (r"expression$", ("rate(1 minute)", "cron(0 0 * * ? *)", "at(2030-01-01T00:00:00)", "m1 + 1", "rate(")),
    (r"cidr.*$", ("10.0.0.0/16", "10.0.0.0/99", "::/0")),
    (r"(next|continuation|pagination)?(token|marker)$", ("", "1", "bm9uZQ==", "W10=", "eyJhIjoxfQ==", "f/1", "MTAw")),
    (r"name$", ("model", "f", "group", "user", "stream", "name-1", "Name")),
)
TEXTS = (
    *(
        "",
        " ",
        "a",
        "-1",
        "0",
        "1",
        "text",
        "*",
        "a" * 3000,
        "\0",
        "ü\u2028🐕",
        "\ud800",
        "../..",
        "%",
        "%zz",
        "{",
        "[",
    ),
    *(
        "arn:",
        "arn:aws:iam::1:role",
        "arn:aws:s3:::bucket",
        ":::::::::",
        "1e999",
        "null",
        "true",
        "${a}",
        "s3://",
        "//",
    ),
    *(
        "99999999999999999999",
        "9999-99-99",
        "0001-01-01T00:00:00Z",
        "2026-01-01",
        "http://a/",
        "a/b/c/d",
        "(",
        "\\",
        "²",
    ),
    *("i-" + "0" * 17, "a=b", "a,b", "<a>", "&", "\n", "é" * 300),
)
NUMBERS = (0, 1, -1, 2, 7, 60, 1000, 2**31, 2**63, -(2**63) - 1, 2**64, 10**30)
FLOATS = (0.0, 1.5, -1.0, 1e308, 1e-320, math.inf, -math.inf, math.nan)
TIMES = (
    0,
    -1,
    1.5,
    1_700_000_000,
    253_402_300_800,
    10**18,
    -(10**18),
    math.nan,
    math.inf,
    "2026-01-02T03:04:05Z",
    "now",
    "",
)
BLOBS = ("", "!!!", "eA==", "UEsDBA==", "e30=", base64.b64encode(b"\0" * 100).decode(), "x")
STRANGE: tuple[Any, ...] = (
    *(None, True, 0, 1.5, "text", "", [], [None], ["a", 1], {}, {"a": None}, {"a": {"b": [1]}}, [[]], [{}], math.nan),
    *(2**64, "\ud800", {"": ""}, {"0": 1}, [{"Name": None}], {"Key": "a", "Value": 1}),
)


@dataclass
class Drawer:
    """Draws members for operations. ``odd``: how often a value is an odd one of its type, ``wrong``: of another."""

    rng: Random
    odd: float = 0.0
    wrong: float = 0.0
    optional: float = 0.0

    def members(self, operation: OperationModel) -> Any:
        """The members of a call; no structure at all where nature will have it so."""
        shape = operation.input_shape
        return {} if shape is None else self._value(shape, "", 0)

    def _value(self, shape: Shape, name: str, depth: int) -> Any:
        if depth and self.rng.random() < self.wrong:
            return self.rng.choice(STRANGE)
        if isinstance(shape, StructureShape):
            required = set(shape.required_members)
            share = self.optional / (1 + depth)
            wanted = [member for member in shape.members if member in required or self.rng.random() < share]
            if depth >= MAX_DEPTH:
                wanted = []
            if shape.is_tagged_union and wanted:
                wanted = [self.rng.choice(wanted)]
            made = {member: self._value(shape.members[member], member, depth + 1) for member in wanted}
            if self.rng.random() < self.wrong / 4:
                made["Foreign"] = "x"
            if required and self.rng.random() < self.wrong / 2:
                made.pop(self.rng.choice(sorted(required)), None)
            return made
        if isinstance(shape, ListShape):
            count = self.rng.choice((1, 1, 2)) if self.rng.random() >= self.odd else self.rng.choice((0, 3, 30))
            return [] if depth >= MAX_DEPTH else [self._value(shape.member, name, depth + 1) for _ in range(count)]
        if isinstance(shape, MapShape):
            return {self._scalar(shape.key, name): self._value(shape.value, name, depth + 1)}
        return self._scalar(shape, name)

    def _scalar(self, shape: Shape, name: str) -> Any:
        odd = self.rng.random() < self.odd
        kind = shape.type_name
        if kind == "string":
            if allowed := getattr(shape, "enum", None):
                return self.rng.choice(TEXTS if odd else allowed)
            return self.rng.choice(TEXTS if odd else self._named(shape, name))
        if kind in ("integer", "long"):
            low, high = int(shape.metadata.get("min", 1)), int(shape.metadata.get("max", 100))
            return self.rng.choice(NUMBERS) if odd else self.rng.choice((low, min(low + 1, high), high))
        if kind in ("float", "double"):
            return self.rng.choice(FLOATS if odd else (1.0, 0.5, 70.0))
        if kind == "timestamp":
            return self.rng.choice(TIMES if odd else (1_700_000_000, 1_800_000_000))
        if kind == "blob":
            return self.rng.choice(BLOBS if odd else ("eA==", "e30="))
        return self.rng.random() < 0.5

    def _named(self, shape: Shape, name: str) -> tuple[str, ...]:
        least = int(shape.metadata.get("min", 0))
        for end, values in _NAMED:
            if re.search(end, name.lower()):
                return tuple(value.ljust(least, "a") for value in values)
        return ("text".ljust(least, "a"),)


@dataclass(frozen=True)
class Raw:
    """A request to be sent as it is."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


def protocols(service: str) -> list[str]:
    """The protocols that a service speaks and the sandbox reads."""
    metadata = service_model(service).metadata
    spoken = metadata.get("protocols") or [metadata["protocol"]]
    names = {"smithy-rpc-v2-cbor": "cbor"}
    known = ("json", "cbor", "query", "ec2", "rest-json", "rest-xml")
    return [name for name in (names.get(name, name) for name in spoken) if name in known]


def raw_request(service: str, operation: str, protocol: str, members: Any) -> Raw:
    """``members``, whatever they are, in a protocol."""
    model = operation_model(service, operation)
    metadata = service_model(service).metadata
    if protocol == "json":
        target = f"{metadata.get('targetPrefix', '')}.{operation}"
        kind = f"application/x-amz-json-{metadata.get('jsonVersion', '1.1')}"
        return Raw("POST", "/", {"x-amz-target": target, "content-type": kind}, _json(members))
    if protocol == "cbor":
        path = f"/service/{metadata['targetPrefix']}/operation/{operation}"
        headers = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
        return Raw("POST", path, headers, _cbor(members))
    if protocol in ("query", "ec2"):
        pairs = [("Action", operation), ("Version", metadata["apiVersion"])]
        pairs += _flat(model.input_shape, members, "", protocol == "ec2")
        form = {"content-type": "application/x-www-form-urlencoded"}
        return Raw("POST", "/", form, urlencode(pairs, errors="surrogatepass").encode())
    return _rest(model, members, protocol == "rest-json")


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def _cbor(value: Any) -> bytes:
    def sendable(item: Any) -> Any:
        if isinstance(item, dict):
            return {sendable(name): sendable(inner) for name, inner in item.items()}
        if isinstance(item, list):
            return [sendable(inner) for inner in item]
        # CBOR has no surrogates: its texts are UTF-8.
        return item.encode("utf-8", "replace").decode() if isinstance(item, str) else item

    return cbor.dumps(sendable(value))


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _flat(shape: Shape | None, value: Any, prefix: str, ec2: bool) -> Iterator[tuple[str, str]]:
    """A form's names and values; where shape and value differ, as their types would have it."""
    dot = f"{prefix}." if prefix else ""
    if isinstance(value, dict) and isinstance(shape, MapShape):
        entry = prefix if shape.serialization.get("flattened") else f"{dot}entry"
        for number, (key, item) in enumerate(value.items(), start=1):
            yield f"{entry}.{number}.{shape.key.serialization.get('name', 'key')}", _text(key)
            value_name = shape.value.serialization.get("name", "value")
            yield from _flat(shape.value, item, f"{entry}.{number}.{value_name}", ec2)
    elif isinstance(value, dict):
        for name, item in value.items():
            of = shape.members.get(name) if isinstance(shape, StructureShape) else None
            yield from _flat(of, item, f"{dot}{_wire_name(name, of, ec2)}", ec2)
    elif isinstance(value, list):
        of = shape.member if isinstance(shape, ListShape) else None
        flattened = ec2 or (shape is not None and shape.serialization.get("flattened"))
        wrapper = "" if flattened else f".{of.serialization.get('name', 'member') if of is not None else 'member'}"
        if not value:
            yield prefix, ""
        for number, item in enumerate(value, start=1):
            yield from _flat(of, item, f"{prefix}{wrapper}.{number}", ec2)
    else:
        yield prefix, _text(value)


def _wire_name(name: str, of: Shape | None, ec2: bool) -> str:
    if of is None:
        return name
    wire = str(of.serialization.get("name", name))
    if ec2:
        return str(of.serialization.get("queryName") or wire[:1].upper() + wire[1:])
    if isinstance(of, ListShape) and of.serialization.get("flattened"):
        return str(of.member.serialization.get("name", wire))
    return wire


def _rest(model: OperationModel, members: Any, is_json: bool) -> Raw:
    shape = model.input_shape
    given = dict(members) if isinstance(members, dict) else {}
    path, _, query = model.http["requestUri"].partition("?")
    pairs: list[tuple[str, str]] = [tuple(piece.partition("=")[::2]) for piece in query.split("&") if piece]  # type: ignore[misc]
    headers: dict[str, str] = {}
    for name, of in shape.members.items() if shape is not None else ():
        where, wire = of.serialization.get("location"), of.serialization.get("name", name)
        value = given.pop(name, None) if where is not None else None
        if where == "uri":
            spelled = quote(_text(value), safe="/" if f"{{{wire}+}}" in path else "", errors="surrogatepass")
            path = path.replace(f"{{{wire}+}}", spelled).replace(f"{{{wire}}}", spelled)
        elif where == "querystring" and value is not None:
            items = value if isinstance(value, list) else [value]
            if isinstance(value, dict):
                pairs += [(_text(key), _text(item)) for key, item in value.items()]
            else:
                pairs += [(wire, _text(item)) for item in items]
        elif where == "header" and value is not None:
            headers[wire.lower()] = _header(value)
        elif where == "headers" and isinstance(value, dict):
            headers |= {f"{wire}{_header(key)}".lower(): _header(item) for key, item in value.items()}
    body = _rest_body(model, given, is_json, headers)
    target = path + ("?" + urlencode(pairs, quote_via=quote, errors="surrogatepass") if pairs else "")
    return Raw(model.http["method"], target or "/", headers, body)


def _header(value: Any) -> str:
    """What can stand in a header: HTTP itself refuses line ends and what is not Latin-1."""
    text = _text(value).encode("latin-1", "replace").decode("latin-1")
    return re.sub(r"[\r\n\0]", " ", text)


def _rest_body(model: OperationModel, given: dict[str, Any], is_json: bool, headers: dict[str, str]) -> bytes:
    shape = model.input_shape
    payload = shape.serialization.get("payload") if shape is not None else None
    if payload is not None and shape is not None and shape.members[payload].type_name in ("blob", "string"):
        return _text(given.get(payload)).encode("utf-8", "surrogatepass")
    value: Any = given.get(payload, {}) if payload else given
    if is_json:
        headers.setdefault("content-type", "application/json")
        return _json(value) if value or model.http["method"] in ("POST", "PUT") else b""
    if not payload or payload not in given or shape is None:
        return b""
    root = shape.members[payload].serialization.get("name", payload)
    return "".join(_xml(shape.members[payload], value, root)).encode("utf-8", "replace")


def _xml(shape: Shape | None, value: Any, name: str) -> Iterator[str]:
    name = re.sub(r"\W", "", name) or "a"
    if isinstance(value, list):
        of = shape.member if isinstance(shape, ListShape) else None
        item_name = str(of.serialization.get("name", "member")) if of is not None else "member"
        flattened = shape is not None and shape.serialization.get("flattened")
        items = "".join(text for item in value for text in _xml(of, item, name if flattened else item_name))
        yield items if flattened else f"<{name}>{items}</{name}>"
    elif isinstance(value, dict):
        yield f"<{name}>"
        for member, item in value.items():
            of = shape.members.get(member) if isinstance(shape, StructureShape) else None
            yield from _xml(of, item, str(of.serialization.get("name", member)) if of is not None else str(member))
        yield f"</{name}>"
    else:
        text = re.sub(r"[\0-\x08\ud800-\udfff]", "?", _text(value))
        yield f"<{name}>{text.replace('&', '&amp;').replace('<', '&lt;')}</{name}>"
