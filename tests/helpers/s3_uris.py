"""What is a place in S3, and what is not: the rules of workers and sandbox alike."""

from __future__ import annotations

PLACES = {
    "s3://b": ("b", ""),
    "s3://b/": ("b", ""),
    "s3://b/a": ("b", "a"),
    "s3://b/a/": ("b", "a/"),
    "s3://b/a/b.jpg": ("b", "a/b.jpg"),
    # S3 knows no folders: each slash counts.
    "s3://b//a": ("b", "/a"),
    "s3://b/a//b": ("b", "a//b"),
    "s3://b/a/../c": ("b", "a/../c"),
    # Plain characters of a key, whatever they mean in other addresses.
    "s3://b/a?b#c%20d": ("b", "a?b#c%20d"),
    "s3://b/a b+c": ("b", "a b+c"),
    "s3://b/ü😀": ("b", "ü😀"),
    "s3://b/a\nb": ("b", "a\nb"),
    "s3://b/s3://c/d": ("b", "s3://c/d"),
    "s3://my-bucket.of.2026/x": ("my-bucket.of.2026", "x"),
    "s3://Old_Bucket/x": ("Old_Bucket", "x"),
    "s3://": None,
    "s3:///a": None,
    "s3:/b/a": None,
    "S3://b/a": None,
    " s3://b/a": None,
    "s3://b ": None,
    "s3://b?x/a": None,
    "s3://b#x": None,
    "s3://me@b/a": None,
    "s3://b:80/a": None,
    "s3://b\n/a": None,
    "https://b.s3.amazonaws.com/a": None,
    "file:///opt/ml": None,
    "/opt/ml/code": None,
    "b/a": None,
    "": None,
}
BELOW = [
    (("b", ""), ("job",), "s3://b/job"),
    (("b", "x"), ("job", "output"), "s3://b/x/job/output"),
    (("b", "x/"), ("job", "output"), "s3://b/x/job/output"),
    (("b", "x/"), ("", "job"), "s3://b/x/job"),
    (("b", "x"), (), "s3://b/x"),
]
