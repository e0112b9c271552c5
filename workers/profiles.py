"""The AWS profiles of this machine, read from the two files of the AWS CLI. No network, no boto3."""

from __future__ import annotations

import configparser
import logging
import os
import shlex
from collections.abc import Mapping
from pathlib import Path

from workers.os_words import os_words
from workers.types import Backend

logger = logging.getLogger(__name__)

DEFAULT_REGION = "us-east-1"
_CONFIG = ("AWS_CONFIG_FILE", "config")
_CREDENTIALS = ("AWS_SHARED_CREDENTIALS_FILE", "credentials")
_UNREADABLE = (OSError, UnicodeError, configparser.Error)


def list_profiles(environ: Mapping[str, str] | None = None) -> list[Backend]:
    """One ``Backend`` per profile: keys from the environment first, then ``default``, then by name.

    A file that is missing or cannot be parsed counts as empty (the latter is logged). The region is the profile's,
    else the environment's, else us-east-1 (``region_assumed``).
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
    config = _read(_path(environ, *_CONFIG))
    credentials = _read(_path(environ, *_CREDENTIALS))
    profiles: dict[str, dict[str, str]] = {}
    for section, values in config.items():
        name = _profile_name(section)
        if name is not None:
            profiles[name] = dict(values)
    for section, values in credentials.items():
        profiles.setdefault(section, {}).update(values)
    return profiles


def _path(environ: Mapping[str, str], variable: str, default: str) -> Path:
    return Path(environ.get(variable) or Path.home() / ".aws" / default).expanduser()


def unreadable_files(environ: Mapping[str, str] | None = None) -> list[str]:
    """A sentence for each of the two files that is there and cannot be read, without any of its content."""
    environ = os.environ if environ is None else environ
    said = []
    for path in (_path(environ, *_CONFIG), _path(environ, *_CREDENTIALS)):
        try:
            _parse(path)
        except _UNREADABLE as exc:
            said.append(f"{path} cannot be read: {_why(exc)}.")
    return said


def _read(path: Path) -> dict[str, dict[str, str]]:
    try:
        return _parse(path)
    except _UNREADABLE as exc:
        logger.warning("%s cannot be read: %s", path, _why(exc))
        return {}


def _parse(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(default_section="", strict=False)
    try:
        with path.open(encoding="utf-8-sig") as lines:
            parser.read_file(lines)
    except FileNotFoundError:
        return {}
    return {section: dict(parser.items(section)) for section in parser.sections()}


def _why(error: Exception) -> str:
    """What is wrong, without the line itself: it may be a key."""
    if isinstance(error, OSError):
        return os_words(error)
    if isinstance(error, UnicodeError):
        return "it is not text in UTF-8"
    number = getattr(error, "lineno", None) or next((at for at, _ in getattr(error, "errors", ())), None)
    return f"line {number} is neither a section nor a setting" if number else type(error).__name__


def _profile_name(section: str) -> str | None:
    """The profile a section of the config file describes; None for ``sso-session``, ``services``, ``plugins``."""
    if section == "default":
        return section
    try:
        words = shlex.split(section)
    except ValueError:
        return None
    return words[1] if len(words) == 2 and words[0] == "profile" else None
