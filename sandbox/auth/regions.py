"""The sandbox is one region: what is signed for another one is refused, so that nobody takes our jobs for that one's.

Services that AWS has once for all regions take every one; S3 has regions of its own (``sandbox/s3/regions.py``).
"""

from __future__ import annotations

from sandbox.core.account import REGION
from sandbox.wire.errors import AwsError

# By the names in signatures; SDKs with an endpoint of their own sign for the region that they are set to.
GLOBAL = frozenset(
    {
        *("iam", "sts", "organizations", "account", "budgets", "ce", "pricing", "support", "health", "shield"),
        *("cloudfront", "route53", "route53domains", "globalaccelerator", "waf", "importexport"),
    }
)
_OWN_RULES = frozenset({"s3", "s3express"})
# How the protocols name a signature that is not for here (AWS's answer to a scope of another region).
_CODES = {"query": ("SignatureDoesNotMatch", 403), "ec2": ("AuthFailure", 401), "rest-json": (None, 403)}


def check_region(service: str, region: str, protocol: str) -> None:
    """Raise AWS's refusal of a signature whose scope names a region that is not here. ``service``: its name there."""
    if region == REGION or service in GLOBAL or service in _OWN_RULES:
        return
    code, status = _CODES.get(protocol, (None, 400))
    text = f"Credential should be scoped to a valid region, not '{region[:50]}'. The sandbox has {REGION} alone."
    raise AwsError(code or "InvalidSignatureException", text, status)
