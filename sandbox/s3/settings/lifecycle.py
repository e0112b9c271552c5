"""Lifecycle rules of buckets: what AWS takes as one, and carrying them out.

Expiration, the end of older versions, transitions to classes that can be read at once and the end of unfinished
uploads really happen. As on AWS an action is due at the midnight (UTC) after its days have passed; it is looked for
once an hour. Source: S3 User Guide, "Lifecycle configuration elements".
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, time
from typing import Any

from sandbox.core.diagnostics import tell_exception
from sandbox.s3.listing import BATCH, list_versions, walk
from sandbox.s3.multipart import Multipart
from sandbox.s3.settings.schema import malformed, read_document
from sandbox.s3.store import ObjectInfo, Store
from sandbox.wire.errors import AwsError, not_implemented

SETTING = "lifecycle"
# Seconds.
DAY = 86_400.0
# Rules count in days; an hour late is on time.
PAUSE_SECONDS = 3600.0
FIRST_LOOK_SECONDS = 60.0

# Rules of one bucket, and characters of a rule's name (S3 User Guide).
MOST_RULES = 1000
LONGEST_ID = 255
# Days after which a class that is cheaper to store and dearer to read may be chosen.
_LEAST_DAYS = {"STANDARD_IA": 30, "ONEZONE_IA": 30}
# Objects of these would first have to be restored to be read.
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_ACTIONS = (
    *("Expiration", "Transitions", "NoncurrentVersionExpiration", "NoncurrentVersionTransitions"),
    "AbortIncompleteMultipartUpload",
)
Rule = Mapping[str, Any]


def check_rules(members: Mapping[str, Any]) -> None:
    """Raise AWS's refusal for rules that contradict themselves, NotImplemented for classes that are not offered."""
    rules = members.get("Rules", [])
    if not 0 < len(rules) <= MOST_RULES:
        raise malformed(f"there must be 1 to {MOST_RULES} rules")
    names = [rule["ID"] for rule in rules if rule.get("ID")]
    if len(names) != len(set(names)):
        raise _invalid("Rule ID must be unique. Found same ID for more than one rule")
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: Rule) -> None:
    if len(rule.get("ID", "")) > LONGEST_ID:
        raise _invalid(f"ID length should not exceed allowed limit of {LONGEST_ID}")
    if ("Filter" in rule) == ("Prefix" in rule):
        raise malformed("a rule has either a Filter or a Prefix")
    if len(rule.get("Filter", {})) > 1:
        raise malformed("a Filter has one condition; several stand in And")
    if not any(action in rule for action in _ACTIONS):
        raise AwsError("InvalidRequest", "At least one action needs to be specified in a rule")
    if "Expiration" in rule:
        _check_moment("Expiration", rule["Expiration"])
    for transition in rule.get("Transitions", ()):
        _check_moment("Transition", transition)
        _check_class(transition, "Days")
    for transition in rule.get("NoncurrentVersionTransitions", ()):
        _check_days("NoncurrentVersionTransition", transition, "NoncurrentDays")
        _check_class(transition, "NoncurrentDays")
    if "NoncurrentVersionExpiration" in rule:
        _check_days("NoncurrentVersionExpiration", rule["NoncurrentVersionExpiration"], "NoncurrentDays")
    if "AbortIncompleteMultipartUpload" in rule:
        _check_days("AbortIncompleteMultipartUpload", rule["AbortIncompleteMultipartUpload"], "DaysAfterInitiation")
        if _tags_of(rule):
            raise AwsError("InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with Tags.")


def _check_moment(action: str, given: Mapping[str, Any]) -> None:
    moments = [name for name in ("Days", "Date", "ExpiredObjectDeleteMarker") if name in given]
    if len(moments) != 1:
        raise malformed(f"{action} has one of Days and Date")
    if "Days" in given and given["Days"] < (0 if action == "Transition" else 1):
        raise _invalid(f"'Days' for {action} action must be a positive integer")
    if "Date" in given and given["Date"].astimezone(UTC).time() != time.min:
        raise _invalid("'Date' must be at midnight GMT")


def _check_days(action: str, given: Mapping[str, Any], name: str) -> None:
    if name not in given:
        raise malformed(f"{action} is without {name}")
    if given[name] < 1:
        raise _invalid(f"'{name}' for {action} action must be a positive integer")
    if given.get("NewerNoncurrentVersions", 1) < 1:
        raise _invalid(f"'NewerNoncurrentVersions' for {action} action must be a positive integer")


def _check_class(transition: Mapping[str, Any], days: str) -> None:
    storage_class = transition.get("StorageClass")
    if storage_class is None:
        raise malformed("a transition is without StorageClass")
    if storage_class in _ARCHIVES:
        raise not_implemented("s3", f"transitions to {storage_class}")
    least = _LEAST_DAYS.get(storage_class, 0)
    if transition.get(days, least) < least:
        raise _invalid(
            f"'{days}' in Transition action must be greater than or equal to {least} for storageClass '{storage_class}'"
        )


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidArgument", message)


def _conditions(rule: Rule) -> Mapping[str, Any]:
    given: Mapping[str, Any] = rule.get("Filter", rule)
    return given.get("And", given) if given is not rule else {"Prefix": rule.get("Prefix", "")}


def _tags_of(rule: Rule) -> dict[str, str]:
    conditions = _conditions(rule)
    tags = [*conditions.get("Tags", ()), *([conditions["Tag"]] if "Tag" in conditions else ())]
    return {tag["Key"]: tag["Value"] for tag in tags}


def _selects(rule: Rule, info: ObjectInfo) -> bool:
    conditions, kept = _conditions(rule), info.meta.get("tags", {})
    return (
        info.key.startswith(conditions.get("Prefix", ""))
        and all(kept.get(name) == value for name, value in _tags_of(rule).items())
        and info.size > conditions.get("ObjectSizeGreaterThan", -1)
        and info.size < conditions.get("ObjectSizeLessThan", math.inf)
    )


def due(since: float, days: float) -> float:
    """When ``days`` after ``since`` count as over: the next midnight UTC (epoch seconds)."""
    return math.ceil((since + days * DAY) / DAY) * DAY


def _passed(given: Mapping[str, Any], since: float, now: float) -> bool:
    if "Date" in given:
        moment: datetime = given["Date"]
        return now >= moment.timestamp()
    return "Days" in given and now >= due(since, given["Days"])


def carry_out(store: Store, multipart: Multipart, now: float) -> None:
    """Do what the rules of all buckets say is due at ``now`` (epoch seconds)."""
    for bucket in store.buckets():
        kept = store.setting(bucket.name, SETTING)
        if not kept:
            continue
        rules = read_document("PutBucketLifecycleConfiguration", kept.encode())["Rules"]
        for rule in rules:
            if rule["Status"] == "Enabled":
                _objects(store, bucket.name, rule, now)
                _versions(store, bucket.name, rule, now)
                _uploads(multipart, bucket.name, rule, now)


def _objects(store: Store, bucket: str, rule: Rule, now: float) -> None:
    expiration, transitions = rule.get("Expiration", {}), rule.get("Transitions", ())
    if not expiration and not transitions:
        return
    for info in walk(store, bucket, _conditions(rule).get("Prefix", "")):
        if not _selects(rule, info):
            continue
        if _passed(expiration, info.modified, now):
            _expire(store, info)
        else:
            _move(store, info, [given for given in transitions if _passed(given, info.modified, now)])


def _expire(store: Store, info: ObjectInfo) -> None:
    def unchanged(current: ObjectInfo | None) -> None:
        # What was written meanwhile is another object, and young.
        if current is None or current.seq != info.seq:
            raise AwsError("PreconditionFailed", "", 412)

    try:
        store.delete(info.bucket, info.key, None, unchanged)
    except AwsError as error:
        if error.code not in ("PreconditionFailed", "NoSuchBucket"):
            raise


def _move(store: Store, info: ObjectInfo, transitions: list[Mapping[str, Any]]) -> None:
    if transitions:
        latest = max(transitions, key=lambda given: given.get("Days", given.get("NoncurrentDays", 0)))
        if info.meta.get("class") != latest["StorageClass"]:
            store.update_meta(info, {**info.meta, "class": latest["StorageClass"]})


def _keys(store: Store, bucket: str, prefix: str) -> Iterator[list[ObjectInfo]]:
    """The versions of each key, newest first."""
    key_marker = version_marker = ""
    versions: list[ObjectInfo] = []
    while True:
        page = list_versions(store, bucket, prefix, "", key_marker, version_marker, BATCH)
        for info in page.objects:
            if versions and versions[0].key != info.key:
                yield versions
                versions = []
            versions.append(info)
        if not page.truncated:
            break
        key_marker, version_marker = page.last, page.last_version
    if versions:
        yield versions


def _versions(store: Store, bucket: str, rule: Rule, now: float) -> None:
    ending, moving = rule.get("NoncurrentVersionExpiration"), rule.get("NoncurrentVersionTransitions", ())
    lone_markers = rule.get("Expiration", {}).get("ExpiredObjectDeleteMarker")
    if not (ending or moving or lone_markers) or not store.bucket(bucket).versioning:
        return
    for versions in _keys(store, bucket, _conditions(rule).get("Prefix", "")):
        if lone_markers and len(versions) == 1 and versions[0].marker:
            store.delete(bucket, versions[0].key, versions[0].version)
            continue
        for place, info in enumerate(versions[1:]):
            # A version is an older one since its successor was written.
            since = versions[place].modified
            if not _selects(rule, info):
                continue
            if ending and _superseded(ending, place, since, now):
                store.delete(bucket, info.key, info.version)
            elif not info.marker:
                _move(store, info, [given for given in moving if _superseded(given, place, since, now)])


def _superseded(given: Mapping[str, Any], place: int, since: float, now: float) -> bool:
    """Whether a version with ``place`` newer ones among the older versions has been one for long enough."""
    return place >= given.get("NewerNoncurrentVersions", 0) and now >= due(since, given["NoncurrentDays"])


def _uploads(multipart: Multipart, bucket: str, rule: Rule, now: float) -> None:
    if ending := rule.get("AbortIncompleteMultipartUpload"):
        for upload in multipart.uploads(bucket, _conditions(rule).get("Prefix", "")):
            if now >= due(upload.started, ending["DaysAfterInitiation"]):
                multipart.abort(upload)


class Lifecycles:
    """The thread that looks for what is due."""

    def __init__(self, store: Store, multipart: Multipart) -> None:
        self._store, self._multipart = store, multipart
        self._closed = threading.Event()

    def start(self) -> None:
        """Begin to look, not in the first minute: a start has more urgent work."""
        threading.Thread(target=self._run, name="lifecycle rules", daemon=True).start()

    def stop(self) -> None:
        """End."""
        self._closed.set()

    def _run(self) -> None:
        pause = FIRST_LOOK_SECONDS
        while not self._closed.wait(pause):
            pause = PAUSE_SECONDS
            try:
                carry_out(self._store, self._multipart, datetime.now(UTC).timestamp())
            except Exception as error:
                # One fault must not end all looking.
                tell_exception(error)
