"""S3: which operation a request is. Whatever is not in this table is refused, never taken for a neighbour.

S3 names an operation by method, path and query together: ``DELETE /bucket/key?annotation`` deletes an annotation,
``DELETE /bucket/key`` the object. So a query name that the sandbox does not know may mean an operation that it does
not know, and a header may turn a write into another one (``x-amz-write-offset-bytes`` appends). A request is carried
out only if each of its query names and ``x-amz-*`` headers is known for its operation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any
from urllib.parse import unquote

from sandbox.auth.old_urls import AUTHENTICATION
from sandbox.s3 import encryption
from sandbox.s3.checksums import ALGORITHMS, PREFIX
from sandbox.wire.errors import AwsError, not_implemented
from sandbox.wire.messages import RestRequest
from sandbox.wire.models import service_model

COPY_SOURCE = "x-amz-copy-source"
STORAGE_CLASS = "x-amz-storage-class"
COMMON_HEADERS = frozenset(
    {
        *("x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "x-amz-user-agent"),
        *("x-amz-decoded-content-length", "x-amz-trailer", "x-amz-te", "x-amz-sdk-checksum-algorithm"),
        *("x-amz-expected-bucket-owner", "x-amz-request-payer"),
        # Nothing here is ever held, so there is nothing to bypass.
        "x-amz-bypass-governance-retention",
    }
)
_CHECKSUMS = frozenset(PREFIX + name for name in ALGORITHMS)
_DOCUMENT = _CHECKSUMS | {"x-amz-checksum-algorithm"}
_GRANTS = frozenset(
    {"x-amz-acl", *(f"x-amz-grant-{name}" for name in ("full-control", "read", "read-acp", "write", "write-acp"))}
)
# A key of the account in KMS, or one that the caller brings along, would be another promise.
_ENCRYPTION = frozenset({encryption.HEADER})
_NEW_OBJECT = (
    _GRANTS
    | _ENCRYPTION
    | {"x-amz-tagging", STORAGE_CLASS, "x-amz-checksum-algorithm", "x-amz-checksum-type"}
    | {"x-amz-website-redirect-location"}
)
_SOURCE = frozenset(
    {
        *(COPY_SOURCE, "x-amz-source-expected-bucket-owner"),
        *(f"{COPY_SOURCE}-if-{name}" for name in ("match", "none-match", "modified-since", "unmodified-since")),
    }
)
# Headers that are understood with these values only.
VALUES = {
    encryption.HEADER: frozenset({encryption.BY_S3, encryption.BY_KMS}),
    STORAGE_CLASS: frozenset(
        {"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "REDUCED_REDUNDANCY"}
    ),
    "x-amz-bucket-object-lock-enabled": frozenset({"false", "False"}),
    "x-amz-object-ownership": frozenset({"BucketOwnerEnforced"}),
    "x-amz-transition-default-minimum-object-size": frozenset({"all_storage_classes_128K"}),
    "x-amz-skip-destination-validation": frozenset({"false", "False"}),
}
_VERSION = frozenset({"versionId"})
_PAGES = frozenset({"delimiter", "encoding-type", "prefix"})
_RESPONSE = frozenset(
    {
        *("response-cache-control", "response-content-disposition", "response-content-encoding"),
        *("response-content-language", "response-content-type", "response-expires"),
    }
)
# They sign a URL. Other names that begin with ``x-`` are the caller's own, for access logs; S3 ignores them.
_SIGNING = frozenset(
    {
        *("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-expires", "x-amz-signedheaders"),
        *("x-amz-signature", "x-amz-security-token", "x-amz-content-sha256"),
        # Parameters that SDKs add to the URLs they sign, and that change nothing here.
        *("x-amz-user-agent", "x-amz-request-payer", "x-amz-sdk-checksum-algorithm", "x-amz-checksum-mode"),
        *_CHECKSUMS,
    }
)


@dataclass(frozen=True)
class Route:
    """One operation. ``sub``: the query name that selects it, or empty; ``query`` and ``headers``: what else it
    understands; ``copies``: whether it has a copy source.
    """

    name: str
    method: str
    where: str
    sub: str = ""
    query: frozenset[str] = frozenset()
    headers: frozenset[str] = frozenset()
    copies: bool = False
    user_metadata: bool = False


_RENAMED = {"DeleteBucketLifecycleConfiguration": "DeleteBucketLifecycle"}


def _bucket_settings() -> list[Route]:
    """The operations on one setting of a bucket each: (name in the operation, query name, methods)."""
    settings = (
        ("BucketAcl", "acl", "GET PUT"),
        ("BucketEncryption", "encryption", "GET PUT DELETE"),
        ("BucketOwnershipControls", "ownershipControls", "GET PUT DELETE"),
        ("BucketPolicy", "policy", "GET PUT DELETE"),
        ("BucketTagging", "tagging", "GET PUT DELETE"),
        ("BucketVersioning", "versioning", "GET PUT"),
        ("PublicAccessBlock", "publicAccessBlock", "GET PUT DELETE"),
        ("BucketAccelerateConfiguration", "accelerate", "GET PUT"),
        ("BucketCors", "cors", "GET PUT DELETE"),
        ("BucketLifecycleConfiguration", "lifecycle", "GET PUT DELETE"),
        ("BucketLocation", "location", "GET"),
        ("BucketLogging", "logging", "GET PUT"),
        ("BucketNotificationConfiguration", "notification", "GET PUT"),
        ("BucketPolicyStatus", "policyStatus", "GET"),
        ("BucketReplication", "replication", "GET DELETE"),
        ("BucketRequestPayment", "requestPayment", "GET PUT"),
        ("BucketWebsite", "website", "GET PUT DELETE"),
        ("ObjectLockConfiguration", "object-lock", "GET"),
    )
    # What else a document comes with.
    more = {
        "acl": _GRANTS,
        "policy": frozenset({"x-amz-confirm-remove-self-bucket-access"}),
        "lifecycle": frozenset({"x-amz-transition-default-minimum-object-size"}),
        "notification": frozenset({"x-amz-skip-destination-validation"}),
    }
    return [
        Route(
            _RENAMED.get(f"{method.title()}{name}", f"{method.title()}{name}"),
            method,
            "bucket",
            sub,
            headers=_DOCUMENT | more.get(sub, frozenset()) if method == "PUT" else frozenset(),
        )
        for name, sub, methods in settings
        for method in methods.split()
    ]


ROUTES = (
    Route("ListBuckets", "GET", "", query=frozenset({"max-buckets", "continuation-token", "prefix", "bucket-region"})),
    Route("HeadBucket", "HEAD", "bucket"),
    Route(
        "CreateBucket",
        "PUT",
        "bucket",
        headers=_GRANTS | {"x-amz-bucket-object-lock-enabled", "x-amz-object-ownership"},
    ),
    Route("DeleteBucket", "DELETE", "bucket"),
    Route(
        "ListObjects",
        "GET",
        "bucket",
        query=_PAGES | {"marker", "max-keys"},
        headers=frozenset({"x-amz-optional-object-attributes"}),
    ),
    Route(
        "ListObjectsV2",
        "GET",
        "bucket",
        "list-type",
        query=_PAGES | {"max-keys", "continuation-token", "fetch-owner", "start-after"},
        headers=frozenset({"x-amz-optional-object-attributes"}),
    ),
    Route(
        "ListObjectVersions",
        "GET",
        "bucket",
        "versions",
        query=_PAGES | {"key-marker", "max-keys", "version-id-marker"},
        headers=frozenset({"x-amz-optional-object-attributes"}),
    ),
    Route(
        "ListMultipartUploads",
        "GET",
        "bucket",
        "uploads",
        query=_PAGES | {"key-marker", "max-uploads", "upload-id-marker"},
    ),
    Route("DeleteObjects", "POST", "bucket", "delete", headers=_DOCUMENT),
    *_bucket_settings(),
    Route(
        "GetObject",
        "GET",
        "key",
        query=_RESPONSE | _VERSION | {"partNumber"},
        headers=frozenset({"x-amz-checksum-mode"}),
    ),
    Route(
        "HeadObject",
        "HEAD",
        "key",
        query=_RESPONSE | _VERSION | {"partNumber"},
        headers=frozenset({"x-amz-checksum-mode"}),
    ),
    Route("PutObject", "PUT", "key", headers=_NEW_OBJECT | _CHECKSUMS, user_metadata=True),
    Route(
        "CopyObject",
        "PUT",
        "key",
        headers=_NEW_OBJECT
        | _SOURCE
        | {"x-amz-metadata-directive", "x-amz-tagging-directive", "x-amz-object-annotation-directive"},
        copies=True,
        user_metadata=True,
    ),
    Route("DeleteObject", "DELETE", "key", query=_VERSION),
    Route("GetObjectAcl", "GET", "key", "acl", query=_VERSION),
    Route("PutObjectAcl", "PUT", "key", "acl", query=_VERSION, headers=_DOCUMENT | _GRANTS),
    Route("GetObjectTagging", "GET", "key", "tagging", query=_VERSION),
    Route("PutObjectTagging", "PUT", "key", "tagging", query=_VERSION, headers=_DOCUMENT),
    Route("DeleteObjectTagging", "DELETE", "key", "tagging", query=_VERSION),
    Route(
        "GetObjectAttributes",
        "GET",
        "key",
        "attributes",
        query=_VERSION,
        headers=frozenset({"x-amz-object-attributes", "x-amz-max-parts", "x-amz-part-number-marker"}),
    ),
    Route("CreateMultipartUpload", "POST", "key", "uploads", headers=_NEW_OBJECT, user_metadata=True),
    Route(
        "UploadPart",
        "PUT",
        "key",
        "uploadId",
        query=frozenset({"partNumber"}),
        headers=_CHECKSUMS | {"x-amz-checksum-algorithm"},
    ),
    Route(
        "UploadPartCopy",
        "PUT",
        "key",
        "uploadId",
        query=frozenset({"partNumber"}),
        headers=_SOURCE | {f"{COPY_SOURCE}-range"},
        copies=True,
    ),
    Route(
        "CompleteMultipartUpload",
        "POST",
        "key",
        "uploadId",
        headers=_CHECKSUMS | {"x-amz-checksum-type", "x-amz-mp-object-size"},
    ),
    Route("AbortMultipartUpload", "DELETE", "key", "uploadId"),
    Route("ListParts", "GET", "key", "uploadId", query=frozenset({"max-parts", "part-number-marker"})),
)
_TABLE = {(route.where, route.method, route.sub, route.copies): route for route in ROUTES}
_SUBS = frozenset(route.sub for route in ROUTES if route.sub)


@lru_cache(maxsize=256)
def virtual_bucket(host: str) -> str:
    """The bucket of a virtual-hosted request (``BUCKET.localhost``, ``BUCKET.s3.localhost``), or empty."""
    name = host.rsplit(":", 1)[0].lower()
    for suffix in (".s3.localhost", ".localhost"):
        if name.endswith(suffix) and name != "s3.localhost":
            return name.removesuffix(suffix)
    return ""


def split_path(raw_path: str, host: str) -> tuple[str, str]:
    """Bucket and key of a request; the key may hold anything that UTF-8 can write."""
    path = raw_path.removeprefix("/")
    bucket = virtual_bucket(host)
    if bucket:
        key = path
    else:
        bucket, _, key = path.partition("/")
    try:
        return unquote(bucket, errors="strict"), unquote(key, errors="strict")
    except UnicodeDecodeError as exc:
        raise AwsError("InvalidURI", "Couldn't parse the specified URI: the key is not UTF-8.") from exc


def route_of(request: RestRequest, bucket: str, key: str) -> Route:
    """The one operation that a request is; ``bucket`` and ``key`` are what ``split_path`` finds in it.

    Raises NotImplemented, or MethodNotAllowed for a method alone.
    """
    where = "key" if key else "bucket" if bucket else ""
    names = [name for name in request.query if not _ignored(name)] if request.query else []
    sub = next((name for name in names if name in _SUBS), "")
    # Only a write to a key copies: there is no other operation that a copy source could mean.
    copies = COPY_SOURCE in request.headers
    route = _TABLE.get((where, request.method, sub, copies))
    if route is None:
        if names or copies:
            raise _unknown(request, ", ".join([*names, *([COPY_SOURCE] if copies else [])]))
        raise AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
    unknown = [name for name in names if name != sub and name not in route.query]
    if unknown or (sub == "list-type" and request.query[sub] != "2"):
        raise _unknown(request, ", ".join(unknown or names))
    if request.query.get("x-id", route.name) != route.name:
        raise _unknown(request, f"x-id={request.query['x-id']}")
    _check_headers(route, request.headers)
    return route


def _ignored(name: str) -> bool:
    lower = name.lower()
    if lower.startswith("x-amz-"):
        return lower in _SIGNING
    return lower.startswith("x-") or name in AUTHENTICATION


def _unknown(request: RestRequest, names: str) -> AwsError:
    return not_implemented("s3", f"{request.method} {request.path[:200]} with {names[:200]}")


@cache
def _storage_classes() -> frozenset[str]:
    """All that S3 has, also those that are not offered here."""
    shape: Any = service_model("s3").shape_for("StorageClass")
    return frozenset(shape.enum)


def _check_headers(route: Route, headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not name.startswith("x-amz-") or name in COMMON_HEADERS:
            continue
        known = name in route.headers or (route.user_metadata and name.startswith("x-amz-meta-"))
        if known and name == STORAGE_CLASS and value not in _storage_classes():
            text = "The storage class you specified is not valid"
            raise AwsError("InvalidStorageClass", text, StorageClassRequested=value[:100])
        if not known or value not in VALUES.get(name, (value,)):
            raise AwsError(
                "NotImplemented",
                "A header you provided implies functionality that is not implemented",
                501,
                Header=name,
            )
