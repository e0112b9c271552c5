"""Where GetFunction says that a function's zip can be had: a URL of S3, signed for some minutes.

On AWS it leads to a bucket of Lambda's own, which nobody sees otherwise; so it does here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sandbox.auth.credentials import KnownKey
from sandbox.core.account import ACCOUNT_ID
from sandbox.functions.code import CodeStore

# Lambda API Reference, FunctionCodeLocation: 10 minutes.
SECONDS = 600
_KEY = re.compile(r"snapshots/\d{12}/[\w-]+-([0-9a-f]{64})")


def bucket_of(region: str) -> str:
    """The bucket of Lambda's own in a region."""
    return f"awslambda-{region}-tasks"


def code_location(endpoint_url: str, region: str, known: KnownKey, function: str, sha256: str) -> str:
    """The URL of the zip with this hash (base64), signed with the key ``known``."""
    digest = base64.b64decode(sha256).hex()
    path = quote(f"/{bucket_of(region)}/snapshots/{ACCOUNT_ID}/{function}-{digest}")
    request = AWSRequest("GET", f"{endpoint_url}{path}")
    key = Credentials(known.caller.access_key_id, known.secret)
    S3SigV4QueryAuth(key, "s3", region, expires=SECONDS).add_auth(request)
    return str(request.url)


def zip_finder(code: CodeStore) -> Callable[[str], Path | None]:
    """What the keys of such URLs stand for: the file of a zip that is still used, or None."""

    def find(key: str) -> Path | None:
        found = _KEY.fullmatch(key)
        path = code.folder / f"{found[1]}.zip" if found else None
        return path if path is not None and path.is_file() else None

    return find
