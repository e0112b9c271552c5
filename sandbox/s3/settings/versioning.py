"""Whether a bucket keeps the versions of its objects, over HTTP."""

from __future__ import annotations

from sandbox.s3 import xml
from sandbox.s3.answers import Members
from sandbox.s3.requests.call import S3Call
from sandbox.s3.store import Store
from sandbox.wire.errors import AwsError, not_implemented


def versioning(store: Store, call: S3Call) -> Members:
    """GetBucketVersioning and PutBucketVersioning."""
    bucket = call.bucket
    if call.method == "PUT":
        root = xml.parse(call.document())
        status = xml.text_of(root, "Status")
        if xml.text_of(root, "MfaDelete", "Disabled") != "Disabled":
            raise not_implemented("s3", "PutBucketVersioning with MfaDelete")
        if status not in ("Enabled", "Suspended"):
            raise AwsError("IllegalVersioningConfigurationException", "Status must be Enabled or Suspended.")
        store.set_setting(bucket, "versioning", status)
        return {}
    return {"Status": store.bucket(bucket).versioning or None}
