"""S3: the operations and who answers each (``s3_routes`` tells which one a request is)."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.context import SandboxContext
from sandbox.s3 import buckets, objects, settings, uploads
from sandbox.s3.answers import Answer, Members, write
from sandbox.s3.inside import S3
from sandbox.s3.multipart import Multipart
from sandbox.s3.routes import Route, route_of, split_path
from sandbox.s3.store import Store
from sandbox.service import Service
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller, RestRequest, RestResponse

Answered = Members | Answer | RestResponse
OnBucket = Callable[[Store, RestRequest, str], Answered]
OnKey = Callable[[Store, RestRequest, str, str], Answered]

BUCKETS: dict[str, OnBucket] = {
    "HeadBucket": buckets.head_bucket,
    "CreateBucket": buckets.create_bucket,
    "DeleteBucket": buckets.delete_bucket,
    "ListObjects": buckets.list_objects,
    "ListObjectsV2": buckets.list_objects,
    "ListObjectVersions": buckets.list_object_versions,
    "DeleteObjects": buckets.delete_objects,
    "GetBucketLocation": settings.location,
    "GetBucketPolicyStatus": settings.policy_status,
    "GetBucketRequestPayment": settings.request_payment,
    **dict.fromkeys(("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"), settings.policy),
    **dict.fromkeys(("GetBucketVersioning", "PutBucketVersioning"), settings.versioning),
    **dict.fromkeys(("GetBucketAcl", "PutBucketAcl"), settings.acl),
}
OBJECTS: dict[str, OnKey] = {
    "GetObject": objects.get_object,
    "HeadObject": objects.get_object,
    "PutObject": objects.put_object,
    "CopyObject": objects.copy_object,
    "DeleteObject": objects.delete_object,
    "GetObjectAttributes": objects.attributes,
    **dict.fromkeys(("GetObjectAcl", "PutObjectAcl"), settings.object_acl),
    **dict.fromkeys(("GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging"), objects.tagging),
}


class S3Service(Service):
    """The S3 of the sandbox."""

    name = "s3"

    def start(self, ctx: SandboxContext) -> None:
        """Use the context's store."""
        self._store: Store = ctx.part(S3).store
        self._multipart: Multipart = ctx.part(S3).multipart

    def handle(self, request: RestRequest, caller: Caller) -> RestResponse:
        """Answer one request."""
        bucket, key = split_path(request.raw_path, request.headers.get("host", ""))
        settings.check_owner(request, caller)
        if request.query.get("versionId") == "":
            # Whoever decides and whoever reads could otherwise mean different versions.
            raise AwsError("InvalidArgument", "Version id cannot be the empty string", ArgumentName="versionId")
        route = route_of(request)
        return write(route.name, self._answered(route, request, bucket, key), request.request_id)

    def _answered(self, route: Route, request: RestRequest, bucket: str, key: str) -> Answered:
        if not bucket:
            return buckets.list_buckets(self._store, request)
        if key:
            return self._object(route, request, bucket, key)
        if route.name in BUCKETS:
            return BUCKETS[route.name](self._store, request, bucket)
        if route.name == "ListMultipartUploads":
            return uploads.list_uploads(self._multipart, request, bucket)
        return settings.document(self._store, request, bucket, route)

    def _object(self, route: Route, request: RestRequest, bucket: str, key: str) -> Answered:
        if route.name in OBJECTS:
            return OBJECTS[route.name](self._store, request, bucket, key)
        store, multipart = self._store, self._multipart
        if route.name == "CreateMultipartUpload":
            return uploads.create(store, multipart, request, bucket, key)
        if route.name in ("UploadPart", "UploadPartCopy"):
            return uploads.upload_part(store, multipart, request, bucket, key)
        if route.name == "CompleteMultipartUpload":
            return uploads.complete(store, multipart, request, bucket, key)
        if route.name == "AbortMultipartUpload":
            return uploads.abort(multipart, request, bucket, key)
        return uploads.list_parts(multipart, request, bucket, key)
