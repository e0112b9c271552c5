"""Cross-origin rules of buckets: what AWS takes as one, preflights, and the headers of the answers to browsers.

Source: S3 User Guide, "Elements of a CORS configuration" and "How does Amazon S3 evaluate the CORS configuration".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.s3.settings.schema import malformed, read_document
from sandbox.s3.store import Store
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse

SETTING = "cors"
# Rules of one bucket (S3 User Guide).
MOST_RULES = 100
METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
_ASKED_METHOD, _ASKED_HEADERS = "access-control-request-method", "access-control-request-headers"
Rule = Mapping[str, Any]


def check_rules(members: Mapping[str, Any]) -> None:
    """Raise AWS's refusal for rules that mean nothing."""
    rules = members["CORSRules"]
    if not 0 < len(rules) <= MOST_RULES:
        raise malformed(f"there must be 1 to {MOST_RULES} rules")
    for rule in rules:
        for method in rule["AllowedMethods"]:
            if method not in METHODS:
                text = f"Found unsupported HTTP method in CORS config. Unsupported method is {method[:100]}"
                raise AwsError("InvalidRequest", text)
        for word, values in (("AllowedOrigin", rule["AllowedOrigins"]), ("AllowedHeader", rule.get("AllowedHeaders"))):
            for value in values or ():
                if value.count("*") > 1:
                    raise AwsError("InvalidRequest", f'{word} "{value[:200]}" can not have more than one wildcard.')


def preflight(store: Store, bucket: str, headers: Mapping[str, str]) -> RestResponse | None:
    """The answer to a browser that asks whether it may; None without rules.

    Raises BadRequest and AccessForbidden as AWS.
    """
    rules = _rules(store, bucket)
    if not rules:
        return None
    origin, method = headers.get("origin", ""), headers.get(_ASKED_METHOD, "")
    if not origin:
        raise AwsError("BadRequest", "Insufficient information. Origin request header needed.")
    if method not in METHODS:
        raise AwsError("BadRequest", f"Invalid Access-Control-Request-Method: {method[:100] or 'null'}")
    asked = [name.strip().lower() for name in headers.get(_ASKED_HEADERS, "").split(",") if name.strip()]
    rule = _rule_for(rules, origin, method, asked)
    if rule is None:
        raise AwsError(
            "AccessForbidden",
            "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request "
            "method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the "
            "resource's CORS spec.",
            403,
        )
    allowed = _headers(rule, origin)
    if asked:
        allowed["Access-Control-Allow-Headers"] = ", ".join(asked)
    if "MaxAgeSeconds" in rule:
        allowed["Access-Control-Max-Age"] = str(rule["MaxAgeSeconds"])
    return RestResponse(200, allowed)


def answer_headers(store: Store, bucket: str, method: str, origin: str) -> dict[str, str]:
    """What a browser must read in an answer to hand it to the page that asked; nothing where no rule allows it."""
    rule = _rule_for(_rules(store, bucket), origin, method, [])
    return _headers(rule, origin) if rule is not None else {}


def _rules(store: Store, bucket: str) -> list[Rule]:
    kept = store.setting(bucket, SETTING)
    return list(read_document("PutBucketCors", kept.encode())["CORSRules"]) if kept else []


def _rule_for(rules: list[Rule], origin: str, method: str, asked: list[str]) -> Rule | None:
    for rule in rules:
        allowed = [name.lower() for name in rule.get("AllowedHeaders", ())]
        if (
            any(_fits(pattern, origin) for pattern in rule["AllowedOrigins"])
            and method in rule["AllowedMethods"]
            and all(any(_fits(pattern, name) for pattern in allowed) for name in asked)
        ):
            return rule
    return None


def _fits(pattern: str, value: str) -> bool:
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), value) is not None


def _headers(rule: Rule, origin: str) -> dict[str, str]:
    anybody = "*" in rule["AllowedOrigins"]
    headers = {
        "Access-Control-Allow-Origin": "*" if anybody else origin,
        "Access-Control-Allow-Methods": ", ".join(rule["AllowedMethods"]),
        "Vary": "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
    }
    if not anybody:
        headers["Access-Control-Allow-Credentials"] = "true"
    if rule.get("ExposeHeaders"):
        headers["Access-Control-Expose-Headers"] = ", ".join(rule["ExposeHeaders"])
    return headers
