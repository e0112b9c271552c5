"""The Resource Groups Tagging API: which resources carry which tags, in few calls. Untagged ones are left out."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sandbox.context import SandboxContext
from sandbox.core.account import arn as make_arn
from sandbox.core.account import bucket_arn
from sandbox.core.state import Database
from sandbox.iam.needs.tagging import own_call
from sandbox.s3.inside import S3
from sandbox.sagemaker.records import Tags
from sandbox.sagemaker.tagged_elsewhere import SERVICES, Ask, kind_of
from sandbox.service import Service
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller

# Tagging API Reference, GetResources: ResourcesPerPage is 50 unless asked for.
DEFAULT_PAGE = 50
_SERVICE = "resourcegroupstaggingapi"
_OWN, _S3 = "sagemaker", "s3"


class TaggingService(Service):
    """GetResources, GetTagKeys, GetTagValues, TagResources and UntagResources."""

    name = _SERVICE
    signing_name = "tagging"
    undone = {"GetResources": {"ExcludeCompliantResources": (False,), "IncludeComplianceDetails": (False,)}}

    _db: Database
    _tags: Tags
    _call: Ask
    _s3: S3

    def start(self, ctx: SandboxContext) -> None:
        """Read the tags of all services, and have each service write its own."""
        self._db, self._tags, self._call = ctx.state.db, Tags(ctx.state.db), ctx.call
        self._s3 = ctx.part(S3)
        self.operations |= {
            "GetResources": self._get_resources,
            "GetTagKeys": self._get_keys,
            "GetTagValues": self._get_values,
            "TagResources": self._tag,
            "UntagResources": self._untag,
        }

    def _get_resources(self, request: dict[str, Any], _caller: Caller) -> dict[str, Any]:
        named = request.get("ResourceARNList", [])
        types, filters = request.get("ResourceTypeFilters", []), request.get("TagFilters", [])
        if named and (types or filters):
            raise AwsError("InvalidParameterException", "ResourceARNList cannot be given together with filters.")
        query = [named, types, filters]
        after = _read_token(request["PaginationToken"], query) if request.get("PaginationToken") else ""
        size = request.get("ResourcesPerPage", DEFAULT_PAGE)
        found = self._own(named, types, filters, after, size + 1)
        for service in _services(named, types) - {_OWN}:
            for arn, tags in self._of(service):
                if arn > after and tags and _wanted(arn, tags, named, types, filters):
                    found[arn] = dict(tags)
        page = sorted(found)[:size]
        return {
            "ResourceTagMappingList": [{"ResourceARN": arn, "Tags": _pairs(found[arn])} for arn in page],
            "PaginationToken": _write_token(page[-1], query) if len(found) > size else "",
        }

    def _own(
        self, named: list[str], types: list[str], filters: list[dict[str, Any]], after: str, most: int
    ) -> dict[str, dict[str, str]]:
        """SageMaker's own: there may be many, so the database finds and orders them."""
        if _OWN not in _services(named, types):
            return {}
        sql, args = _resources(named, [kind for kind in types if kind.partition(":")[0] == _OWN], filters)
        rows = self._db.query(f"{sql} AND r.arn > ? ORDER BY r.arn LIMIT ?", [*args, after, most])
        found: dict[str, dict[str, str]] = {row["arn"]: {} for row in rows}
        marks = ",".join("?" * len(found))
        for row in self._db.query(f"SELECT * FROM sagemaker_tags WHERE arn IN ({marks})", list(found)):
            found[row["arn"]][row["key"]] = row["value"]
        return found

    def _of(self, service: str) -> Iterable[tuple[str, Mapping[str, str]]]:
        if service == _S3:
            return [(bucket_arn(name), tags) for name, tags in self._s3.bucket_tags().items()]
        return SERVICES[service](self._call)

    def _all_tags(self) -> set[tuple[str, str]]:
        own = {(row["key"], row["value"]) for row in self._db.query("SELECT DISTINCT key, value FROM sagemaker_tags")}
        return own | {pair for service in (_S3, *SERVICES) for _, tags in self._of(service) for pair in tags.items()}

    def _get_keys(self, request: Mapping[str, object], _caller: Caller) -> dict[str, object]:
        return {"TagKeys": sorted({key for key, _ in self._all_tags()}), "PaginationToken": ""}

    def _get_values(self, request: Mapping[str, object], _caller: Caller) -> dict[str, object]:
        wanted = request["Key"]
        values = sorted({value for key, value in self._all_tags() if key == wanted})
        return {"TagValues": values, "PaginationToken": ""}

    def _tag(self, request: dict[str, Any], _caller: Caller) -> dict[str, object]:
        return self._each(request["ResourceARNList"], request["Tags"], ())

    def _untag(self, request: dict[str, Any], _caller: Caller) -> dict[str, object]:
        return self._each(request["ResourceARNList"], {}, request["TagKeys"])

    def _each(self, resources: list[str], tags: Mapping[str, str], keys: Sequence[str]) -> dict[str, object]:
        failed = {}
        for resource in resources:
            try:
                self._change(resource, tags, keys)
            except AwsError as error:
                failed[resource] = {
                    "StatusCode": error.status,
                    "ErrorCode": "InvalidParameterException",
                    "ErrorMessage": error.message,
                }
        return {"FailedResourcesMap": failed}

    def _change(self, resource: str, tags: Mapping[str, str], keys: Sequence[str]) -> None:
        asked = own_call(resource, tags, keys)
        if asked is None:
            raise AwsError("InvalidParameterException", f"The account has no resource {resource} that has tags.")
        service, operation, members = asked
        if service == _S3:
            self._s3.change_tags(members["Bucket"], tags, keys)
        elif service == _OWN and tags:
            self._tags.add_tags(members)
        elif service == _OWN:
            self._tags.delete_tags(members)
        else:
            self._call(service, operation, members)


def _resources(named: list[str], types: list[str], filters: list[dict[str, Any]]) -> tuple[str, list[Any]]:
    """SQL of SageMaker's tagged resources that the filters leave, without order and page."""
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


def _pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(tags.items())]


def _services(named: list[str], types: list[str]) -> set[str]:
    """The services whose resources are asked for; all, when neither types nor resources are given."""
    known = {_OWN, _S3, *SERVICES}
    if named:
        return {arn.split(":")[2] for arn in named if arn.count(":") > 4} & known
    asked = {kind.partition(":")[0] for kind in types}
    if unknown := sorted(asked - known):
        text = f"The sandbox finds tags of {', '.join(sorted(known))}, not of {unknown[0]}."
        raise AwsError("InvalidParameterException", text)
    return asked or known


def _wanted(
    arn: str, tags: Mapping[str, str], named: list[str], types: list[str], filters: list[dict[str, Any]]
) -> bool:
    if named:
        return arn in named
    kind = kind_of(arn)
    if types and not {kind, kind.partition(":")[0]} & set(types):
        return False
    return all(
        wanted["Key"] in tags and (not wanted.get("Values") or tags[wanted["Key"]] in wanted["Values"])
        for wanted in filters
    )


def _arn_prefix(resource_type: str) -> str:
    kind = resource_type.partition(":")[2]
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
