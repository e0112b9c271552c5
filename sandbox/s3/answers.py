"""S3's answers: members of the models, and what the models do not tell about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse
from sandbox.wire.models import operation_model
from sandbox.wire.render import read_members, render
from sandbox.wire.render_xml import escape

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
# The root elements by the API reference; the others are called like the member that they are.
ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}
Members = dict[str, Any]


@dataclass
class Answer:
    """Members, and what none of them says: another ``status`` than the operation's own, further ``headers``."""

    members: Members
    status: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


def write(operation: str, answer: Members | Answer | RestResponse, request_id: str) -> RestResponse:
    """The answer of one of S3's operations; a ``RestResponse`` is one already."""
    if isinstance(answer, RestResponse):
        return answer
    if not isinstance(answer, Answer):
        answer = Answer(answer)
    response = render("s3", operation, "rest-xml", answer.members, request_id, _root(operation))
    response.status = answer.status or response.status
    response.headers.update(answer.headers)
    return response


@cache
def _root(operation: str) -> str:
    """The root element of an answer's body, with the namespace."""
    shape = operation_model("s3", operation).output_shape
    payload = shape.serialization.get("payload", "") if shape is not None else ""
    return f'{ROOTS.get(operation, payload)} xmlns="{NAMESPACE}"'


def location(region: str) -> RestResponse:
    """GetBucketLocation: the one answer whose root is the value itself, which the models cannot say."""
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<LocationConstraint xmlns="{NAMESPACE}">'
        f"{escape(region)}</LocationConstraint>"
    )
    return RestResponse(200, {"Content-Type": "application/xml"}, body.encode())


def members_of_document(operation: str, document: bytes) -> Members:
    """The members of an answer whose body is ``document``. Raises MalformedXML for a value of a wrong type."""
    try:
        return read_members("s3", operation, "rest-xml", document)
    except ValueError as exc:
        raise AwsError("MalformedXML", "The XML you provided did not validate against our published schema") from exc
