"""Regions of buckets: the one service of the sandbox that has more than one, as one list of buckets has them on AWS.

Source: S3 API reference, CreateBucket and "List of error codes".
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sandbox.core.account import REGION
from sandbox.s3.answers import location as location_of
from sandbox.s3.requests.call import S3Call
from sandbox.s3.store import Store
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse
from sandbox.wire.models import service_model

# The name that Ireland had when it was the only region of Europe.
_OLD_NAMES = {"EU": "eu-west-1"}
# They are in the model, too, and have accounts of their own: no bucket of this account could be there.
_OTHER_PARTITIONS = ("cn-", "us-gov-", "us-iso", "eusc-")
_NO_BUCKET_YET = frozenset({"CreateBucket", "ListBuckets"})


@cache
def _constraints() -> frozenset[str]:
    """What a location constraint can be; us-east-1 is told by having none."""
    shape: Any = service_model("s3").shape_for("BucketLocationConstraint")
    return frozenset(name for name in shape.enum if not name.startswith(_OTHER_PARTITIONS)) - {REGION}


def new_region(signed: str, constraint: str) -> str:
    """The region of a bucket that a request signed for ``signed`` makes. Raises AWS's refusal of ``constraint``."""
    wanted = _OLD_NAMES.get(constraint, constraint)
    if signed != REGION and wanted != signed:
        # Whatever else it is, also us-east-1, which is told by none, and what is no region.
        told = constraint[:100] or "unspecified"
        text = f"The {told} location constraint is incompatible for the region specific endpoint"
        raise AwsError("IllegalLocationConstraintException", f"{text} this request was sent to.")
    if constraint and constraint not in _constraints():
        raise AwsError(
            "InvalidLocationConstraint",
            "The specified location-constraint is not valid",
            LocationConstraint=constraint[:100],
        )
    return wanted or REGION


def location(store: Store, call: S3Call) -> RestResponse:
    """GetBucketLocation; us-east-1 is the empty one, as on AWS."""
    bucket = call.bucket
    region = store.bucket(bucket).region
    return location_of("" if region == REGION else region)


def check_region(store: Store, call: S3Call) -> None:
    """Refuse a request that is signed for another region than its bucket's; SDKs then ask again for the right one."""
    if call.operation in _NO_BUCKET_YET:
        expected = call.region if call.region in _constraints() else REGION
    else:
        expected = store.bucket(call.bucket).region
    # A URL of the old kind is signed for no region.
    if call.region in ("", expected):
        return
    where = f"the region '{call.region[:50]}' is wrong; expecting '{expected}'"
    headers = {"x-amz-bucket-region": expected}
    if "authorization" in call.headers:
        text = f"The authorization header is malformed; {where}"
        raise AwsError("AuthorizationHeaderMalformed", text, 400, headers=headers, Region=expected)
    text = f"Error parsing the X-Amz-Credential parameter; {where}"
    raise AwsError("AuthorizationQueryParametersError", text, 400, headers=headers, Region=expected)
