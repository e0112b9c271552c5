"""S3: the operations and who answers each (``routes`` tells which one a request is)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from sandbox.context import SandboxContext
from sandbox.s3 import buckets, objects, ownership, regions, uploads
from sandbox.s3.answers import Answer, Members, write
from sandbox.s3.inside import S3
from sandbox.s3.multipart import Multipart
from sandbox.s3.requests.call import S3Call, read_s3
from sandbox.s3.requests.routes import ROUTES, split_path
from sandbox.s3.settings import cors, documents, policy
from sandbox.s3.settings.versioning import versioning
from sandbox.s3.store import Store
from sandbox.service import Refusals, Service
from sandbox.wire.call import Call
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller, RestRequest, RestResponse

Answered = Members | Answer | RestResponse

ANSWERS: dict[str, Callable[[Store, S3Call], Answered]] = {
    "ListBuckets": buckets.list_buckets,
    "HeadBucket": buckets.head_bucket,
    "CreateBucket": buckets.create_bucket,
    "DeleteBucket": buckets.delete_bucket,
    "ListObjects": buckets.list_objects,
    "ListObjectsV2": buckets.list_objects,
    "ListObjectVersions": buckets.list_object_versions,
    "GetBucketLocation": regions.location,
    "GetBucketPolicyStatus": policy.policy_status,
    **dict.fromkeys(("GetBucketPolicy", "PutBucketPolicy", "DeleteBucketPolicy"), policy.policy),
    **dict.fromkeys(("GetBucketVersioning", "PutBucketVersioning"), versioning),
    **dict.fromkeys(("GetBucketAcl", "PutBucketAcl"), ownership.acl),
    "GetObject": objects.get_object,
    "HeadObject": objects.get_object,
    "PutObject": objects.put_object,
    "CopyObject": objects.copy_object,
    "DeleteObject": objects.delete_object,
    "GetObjectAttributes": objects.attributes,
    **dict.fromkeys(("GetObjectAcl", "PutObjectAcl"), ownership.object_acl),
    **dict.fromkeys(("GetObjectTagging", "PutObjectTagging", "DeleteObjectTagging"), objects.tagging),
}
UPLOADS: dict[str, Callable[[Multipart, S3Call], Answered]] = {
    "AbortMultipartUpload": uploads.abort,
    "ListParts": uploads.list_parts,
    "ListMultipartUploads": uploads.list_uploads,
}
WRITES: dict[str, Callable[[Store, Multipart, S3Call], Answered]] = {
    "CreateMultipartUpload": uploads.create,
    "UploadPart": uploads.upload_part,
    "UploadPartCopy": uploads.upload_part,
    "CompleteMultipartUpload": uploads.complete,
}
SERVED = frozenset(route.name for route in ROUTES)


class S3Service(Service):
    """The S3 of the sandbox."""

    name = "s3"

    def start(self, ctx: SandboxContext) -> None:
        """Use the context's store."""
        self._store: Store = ctx.part(S3).store
        self._handed_out = ctx.part(S3).handed_out
        self._multipart: Multipart = ctx.part(S3).multipart

    def served(self) -> Collection[str]:
        """All that ``routes`` has."""
        return SERVED

    def read(self, request: RestRequest, protocol: str, caller: Caller) -> S3Call:
        """The call that a request makes."""
        return read_s3(request, caller)

    def check(self, call: Call) -> Call:
        """The call as it is: S3's operations refuse wrong values in their own words."""
        return call

    def handle(self, call: Call, refusals: Refusals) -> RestResponse:
        """Answer one call; a browser is told whether the page that asked may read the answer."""
        assert isinstance(call, S3Call)
        ownership.check_owner(call)
        find = self._handed_out.get(call.bucket)
        if find is not None:
            return write(call.operation, objects.handed_out(call, find), call.http.request_id)
        regions.check_region(self._store, call)
        origin = call.headers.get("origin", "")
        allowed = cors.answer_headers(self._store, call.bucket, call.method, origin) if origin and call.bucket else {}
        try:
            response = write(call.operation, self._answered(call, refusals), call.http.request_id)
        except AwsError as error:
            if error.code == "MethodNotAllowed":
                error.extra["Method"] = call.method
            error.headers = {**allowed, **error.headers}
            raise
        response.headers.update(allowed)
        return response

    def preflight(self, raw_path: str, headers: Mapping[str, str]) -> RestResponse | None:
        """The answer to a browser that asks, unsigned, whether it may; None where the bucket has no rules.

        So nobody without a signature is told more than the operator has said for pages. Raises AWS's refusal.
        """
        bucket, _ = split_path(raw_path, headers.get("host", ""))
        return cors.preflight(self._store, bucket, headers)

    def _answered(self, call: S3Call, refusals: Refusals) -> Answered:
        store, multipart, name = self._store, self._multipart, call.operation
        if name in ANSWERS:
            return ANSWERS[name](store, call)
        if name in UPLOADS:
            return UPLOADS[name](multipart, call)
        if name in WRITES:
            return WRITES[name](store, multipart, call)
        if name == "DeleteObjects":
            return buckets.delete_objects(store, call, refusals)
        return documents.document(store, call)
