"""The AWS profiles of this machine, read from the two files of the AWS CLI. No network, no boto3."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from workers.aws.profile_check import said
from workers.aws.profile_files import CONFIG, CREDENTIALS, UNREADABLE, path_of, read_file
from workers.files.os_words import os_words
from workers.types import Backend

logger = logging.getLogger(__name__)

DEFAULT_REGION = "us-east-1"


def list_profiles(environ: Mapping[str, str] | None = None) -> list[Backend]:
    """One ``Backend`` per profile: keys from the environment first, then ``default``, then by name.

    A file that is missing or cannot be read counts as empty, a line that cannot be used as missing (both are
    logged). The region is the profile's, else the environment's, else us-east-1 (``region_assumed``).
    """
    environ = os.environ if environ is None else environ
    profiles = read_profiles(environ)
    set_region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    fallback = set_region or DEFAULT_REGION
    found = []
    if environ.get("AWS_ACCESS_KEY_ID") and environ.get("AWS_SECRET_ACCESS_KEY"):
        endpoint_url = environ.get("AWS_ENDPOINT_URL") or None
        found.append(
            Backend(
                kind="aws",
                label="Environment",
                region=fallback,
                endpoint_url=endpoint_url,
                region_assumed=not set_region,
            )
        )
    for name in sorted(profiles, key=lambda name: (name != "default", name.casefold())):
        values = profiles[name]
        found.append(
            Backend(
                kind="aws",
                label=name,
                region=values.get("region") or fallback,
                region_assumed=not (values.get("region") or set_region),
                profile_name=name,
                endpoint_url=values.get("endpoint_url") or None,
            )
        )
    return found


def read_profiles(environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The settings of every profile by its name, those of the credentials file over those of the config file."""
    config = _read(path_of(environ, *CONFIG))
    credentials = _read(path_of(environ, *CREDENTIALS))
    profiles: dict[str, dict[str, str]] = {}
    for section, values in config.items():
        name = _profile_name(section)
        if name is not None:
            profiles[name] = dict(values)
    for section, values in credentials.items():
        profiles.setdefault(section, {}).update(values)
    return profiles


def unreadable_files(environ: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each of the two files and for each line that cannot be read; the line's text is not in it."""
    environ = os.environ if environ is None else environ
    told = []
    for place in (CONFIG, CREDENTIALS):
        path = path_of(environ, *place)
        try:
            bad = read_file(path).bad
        except UNREADABLE as exc:
            told.append(f"{path} cannot be read: {_why(exc)}.")
            continue
        unread = [line for line in bad if line.why.startswith("is ")]
        told += [f"{path} cannot be read: line {line.line} {line.why}." for line in unread[:1]]
        told += [f"{path}, line {line.line}: {line.why}." for line in bad if line not in unread]
    return told


def _read(path: Path) -> Mapping[str, Mapping[str, str]]:
    try:
        file = read_file(path)
    except UNREADABLE as exc:
        logger.warning("%s cannot be read: %s", path, _why(exc))
        return {}
    for bad in file.bad:
        logger.warning("%s, line %d: %s", path, bad.line, said(bad.why))
    return file.sections


def _why(error: Exception) -> str:
    """What is wrong, without the line itself: it may be a key."""
    if isinstance(error, OSError):
        return os_words(error)
    return "it is not text in UTF-8"


def _profile_name(section: str) -> str | None:
    """The profile a section of the config file describes; None for ``sso-session``, ``services``, ``plugins``."""
    if section == "default":
        return section
    try:
        words = shlex.split(section)
    except ValueError:
        return None
    return words[1] if len(words) == 2 and words[0] == "profile" else None
