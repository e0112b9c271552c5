"""S3: which operation a request is, by method, path and query."""

from __future__ import annotations

from urllib.parse import unquote

from sandbox import s3_buckets as buckets
from sandbox import s3_objects as objects
from sandbox import s3_uploads as uploads
from sandbox import s3_xml as xml
from sandbox.errors import AwsError, not_implemented
from sandbox.registry import Caller, RestRequest, RestResponse, SandboxContext, Service
from sandbox.s3_multipart import Multipart
from sandbox.s3_store import Store

# Query names that select another operation than the plain one.
SUBRESOURCES = frozenset(
    {
        "accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering",
        "inventory", "legal-hold", "lifecycle", "location", "logging", "metadataTable", "metrics", "notification",
        "object-lock", "ownershipControls", "policy", "policyStatus", "publicAccessBlock", "renameObject",
        "replication", "requestPayment", "restore", "retention", "select", "session", "tagging", "torrent",
        "uploadId", "uploads", "versioning", "versions", "website",
    }
)  # fmt: skip


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


def subresource(request: RestRequest) -> str:
    """The query name that selects the operation (the first one, if there are several), or an empty string.

    Access control asks here, too: it must never decide about another operation than the one that is carried out.
    """
    chosen = SUBRESOURCES.intersection(request.query) if request.query else ()
    return next(iter(sorted(chosen)), "")


class S3Service(Service):
    """The S3 of the sandbox."""

    name = "s3"

    def start(self, ctx: SandboxContext) -> None:
        """Use the context's store."""
        self._store: Store = ctx.s3.store
        self._multipart: Multipart = ctx.s3.multipart

    def handle(self, request: RestRequest, caller: Caller) -> RestResponse:
        """Answer one request."""
        bucket, key = split_path(request.raw_path, request.headers.get("host", ""))
        buckets.check_owner(request, caller)
        if not bucket:
            if request.method == "GET":
                return buckets.list_buckets(self._store, request)
            raise _method_not_allowed()
        sub = subresource(request)
        if key:
            return self._object(request, bucket, key, sub)
        return self._bucket(request, bucket, sub)

    def _object(self, request: RestRequest, bucket: str, key: str, sub: str) -> RestResponse:
        store, method = self._store, request.method
        if sub in ("uploadId", "uploads"):
            return self._upload(request, bucket, key, sub)
        if sub == "tagging" and method in ("GET", "PUT", "DELETE"):
            return objects.tagging(store, request, bucket, key)
        if sub == "attributes" and method == "GET":
            return objects.attributes(store, request, bucket, key)
        if sub == "acl" and method in ("GET", "PUT"):
            store.get(bucket, key)
            return buckets.acl(store, request, bucket)
        if sub:
            raise not_implemented("s3", f"{method} ?{sub}")
        if method == "PUT":
            if "x-amz-copy-source" in request.headers:
                return objects.copy_object(store, request, bucket, key)
            return objects.put_object(store, request, bucket, key)
        if method in ("GET", "HEAD"):
            return objects.get_object(store, request, bucket, key)
        if method == "DELETE":
            return objects.delete_object(store, request, bucket, key)
        raise _method_not_allowed()

    def _upload(self, request: RestRequest, bucket: str, key: str, sub: str) -> RestResponse:
        store, multipart, method = self._store, self._multipart, request.method
        if sub == "uploads" and method == "POST":
            return uploads.create(store, multipart, request, bucket, key)
        if sub == "uploadId" and method == "PUT" and "partNumber" in request.query:
            return uploads.upload_part(store, multipart, request, bucket, key)
        if sub == "uploadId" and method == "POST":
            return uploads.complete(store, multipart, request, bucket, key)
        if sub == "uploadId" and method == "DELETE":
            return uploads.abort(multipart, request, bucket, key)
        if sub == "uploadId" and method == "GET":
            return uploads.list_parts(multipart, request, bucket, key)
        raise _method_not_allowed()

    def _bucket(self, request: RestRequest, bucket: str, sub: str) -> RestResponse:
        store, method = self._store, request.method
        if not sub:
            return self._plain_bucket(request, bucket)
        if sub in buckets.DOCUMENTS and method in ("GET", "PUT", "DELETE"):
            return buckets.document(store, request, bucket, sub)
        if sub == "policy" and method in ("GET", "PUT", "DELETE"):
            return buckets.policy(store, request, bucket)
        if sub == "versioning" and method in ("GET", "PUT"):
            return buckets.versioning(store, request, bucket)
        if sub == "acl" and method in ("GET", "PUT"):
            return buckets.acl(store, request, bucket)
        if sub == "delete" and method == "POST":
            return buckets.delete_objects(store, request, bucket)
        if method == "GET":
            return self._read_setting(request, bucket, sub)
        raise not_implemented("s3", f"{method} ?{sub}")

    def _plain_bucket(self, request: RestRequest, bucket: str) -> RestResponse:
        store, method = self._store, request.method
        if method == "GET":
            return buckets.list_objects(store, request, bucket)
        if method == "HEAD":
            return buckets.head_bucket(store, bucket)
        if method == "PUT":
            return buckets.create_bucket(store, request, bucket)
        if method == "DELETE":
            store.delete_bucket(bucket)
            return RestResponse(204)
        raise not_implemented("s3", f"{method} on a bucket")

    def _read_setting(self, request: RestRequest, bucket: str, sub: str) -> RestResponse:
        store = self._store
        store.bucket(bucket)
        if sub == "location":
            return buckets.location(store, bucket)
        if sub == "policyStatus":
            return buckets.policy_status(store, bucket)
        if sub == "versions":
            return buckets.list_object_versions(store, request, bucket)
        if sub == "uploads":
            return uploads.list_uploads(self._multipart, request, bucket)
        if sub == "requestPayment":
            return RestResponse(
                200, dict(buckets.XML), xml.document("RequestPaymentConfiguration", [("Payer", "BucketOwner")])
            )
        if sub in buckets.EMPTY:
            return RestResponse(200, dict(buckets.XML), xml.document(buckets.EMPTY[sub], []))
        if sub in buckets.ABSENT:
            code, message = buckets.ABSENT[sub]
            raise AwsError(code, message, 404, BucketName=bucket)
        raise not_implemented("s3", f"GET ?{sub}")


def _method_not_allowed() -> AwsError:
    return AwsError("MethodNotAllowed", "The specified method is not allowed against this resource.", 405)
