"""The Resource Groups Tagging API over SageMaker's resources: which ones carry which tags, in few calls."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from typing import Any

from sandbox.context import SandboxContext
from sandbox.core.account import arn as make_arn
from sandbox.core.state import Database
from sandbox.sagemaker.records import Tags
from sandbox.service import Service
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

DEFAULT_PAGE = 50
_SERVICE = "resourcegroupstaggingapi"
_OWN = "sagemaker"


class TaggingService(Service):
    """GetResources, GetTagKeys, GetTagValues, TagResources and UntagResources."""

    name = _SERVICE
    signing_name = "tagging"

    _db: Database
    _tags: Tags

    def start(self, ctx: SandboxContext) -> None:
        """Read and write the tags that SageMaker's own operations keep."""
        self._db, self._tags = ctx.state.db, Tags(ctx.state.db)
        self.operations |= {
            "GetResources": self._get_resources,
            "GetTagKeys": self._get_keys,
            "GetTagValues": self._get_values,
            "TagResources": self._tag,
            "UntagResources": self._untag,
        }

    def _get_resources(self, request: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        sql, args = _resources(request)
        query = [sql, args]
        if request.get("PaginationToken"):
            sql += " AND r.arn > ?"
            args = [*args, _read_token(request["PaginationToken"], query)]
        size = request.get("ResourcesPerPage", DEFAULT_PAGE)
        arns = [row["arn"] for row in self._db.query(f"{sql} ORDER BY r.arn LIMIT ?", [*args, size + 1])]
        page = arns[:size]
        marks = ",".join("?" * len(page))
        found: dict[str, list[dict[str, str]]] = {arn: [] for arn in page}
        rows = self._db.query(f"SELECT * FROM sagemaker_tags WHERE arn IN ({marks}) ORDER BY arn, key", page)
        for row in rows:
            found[row["arn"]].append({"Key": row["key"], "Value": row["value"]})
        return {
            "ResourceTagMappingList": [{"ResourceARN": arn, "Tags": tags} for arn, tags in found.items()],
            "PaginationToken": _write_token(page[-1], query) if len(arns) > size else "",
        }

    def _get_keys(self, request: Mapping[str, object], _caller: Caller) -> dict[str, object]:
        rows = self._db.query("SELECT DISTINCT key FROM sagemaker_tags ORDER BY key")
        return {"TagKeys": [row["key"] for row in rows], "PaginationToken": ""}

    def _get_values(self, request: Mapping[str, object], _caller: Caller) -> dict[str, object]:
        key = request["Key"]
        rows = self._db.query("SELECT DISTINCT value FROM sagemaker_tags WHERE key=? ORDER BY value", (key,))
        return {"TagValues": [row["value"] for row in rows], "PaginationToken": ""}

    def _tag(self, request: dict[str, Any], _caller: Caller) -> dict[str, object]:
        tags = [{"Key": key, "Value": value} for key, value in request["Tags"].items()]
        return self._each(request, lambda arn: self._tags.add_tags({"ResourceArn": arn, "Tags": tags}))

    def _untag(self, request: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        keys = request["TagKeys"]
        return self._each(request, lambda arn: self._tags.delete_tags({"ResourceArn": arn, "TagKeys": keys}))

    def _each(self, request: dict[str, Any], change: Any) -> dict[str, object]:
        failed = {}
        for arn in request["ResourceARNList"]:
            try:
                change(arn)
            except AwsError as error:
                failed[arn] = {
                    "StatusCode": error.status,
                    "ErrorCode": "InvalidParameterException",
                    "ErrorMessage": error.message,
                }
        return {"FailedResourcesMap": failed}


def _resources(request: dict[str, Any]) -> tuple[str, list[Any]]:
    """SQL of the tagged resources that the request's filters leave, without order and page."""
    named = request.get("ResourceARNList", [])
    types, filters = request.get("ResourceTypeFilters", []), request.get("TagFilters", [])
    if named and (types or filters):
        raise AwsError("InvalidParameterException", "ResourceARNList cannot be given together with filters.")
    sql = "SELECT r.arn FROM sagemaker_records r WHERE EXISTS (SELECT 1 FROM sagemaker_tags t WHERE t.arn=r.arn)"
    args: list[Any] = []
    if named:
        sql += f" AND r.arn IN ({','.join('?' * len(named))})"
        args += named
    if types:
        sql += f" AND ({' OR '.join('substr(r.arn, 1, ?)=?' for _ in types)})"
        for kind in types:
            prefix = _arn_prefix(kind)
            args += [len(prefix), prefix]
    for wanted in filters:
        values = wanted.get("Values", [])
        marks = f" AND t.value IN ({','.join('?' * len(values))})" if values else ""
        sql += f" AND EXISTS (SELECT 1 FROM sagemaker_tags t WHERE t.arn=r.arn AND t.key=?{marks})"
        args += [wanted["Key"], *values]
    return sql, args


def _arn_prefix(resource_type: str) -> str:
    service, _, kind = resource_type.partition(":")
    if service != _OWN:
        raise AwsError("InvalidParameterException", f"The sandbox finds tags of sagemaker, not of {service}.")
    return make_arn(_OWN, f"{kind}/" if kind else "")


def _write_token(arn: str, query: Sequence[object]) -> str:
    return base64.b64encode(json.dumps([query, arn]).encode()).decode()


def _read_token(token: str, query: Sequence[object]) -> str:
    invalid = AwsError("PaginationTokenExpiredException", "The PaginationToken belongs to another request.")
    try:
        known, arn = json.loads(base64.b64decode(token.encode()))
    except (ValueError, TypeError, binascii.Error, RecursionError) as error:
        raise invalid from error
    if known != query:
        raise invalid
    return str(arn)
