"""Secrets in texts that are no place for them, found by detect-secrets. What is found is named, never shown."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

# Its settings are one for the whole process.
_LOCK = threading.Lock()
_NO_SECRETS = frozenset({"IPPublicDetector"})
_ENTROPY = frozenset({"Base64 High Entropy String", "Hex High Entropy String"})
_KEYWORD = "Secret Keyword"
# A name that ends like this says where the secret is, and so does a value that begins like this.
_REFERENCE_NAME = re.compile(r"(?:NAME|ARN|ID|PARAM|PARAMETER|PATH|REGION|VERSION|SHA256?|DIGEST|HASH|ETAG)$", re.I)
_REFERENCE_VALUE = re.compile(r"arn:|s3://|/|\{\{resolve:|\$\{|ssm:|https?://[^@]*$", re.I)
# detect-secrets does not take these names for a secret's: a value of some length beside them is looked at.
_OTHER_NAMES = re.compile(r"(?:^|[_-])(?:TOKEN|CREDENTIALS?|PASSPHRASE|BEARER)$", re.I)
_SHORTEST = 8


@dataclass(frozen=True)
class Hint:
    """A secret may be at ``place`` (a variable's name, a line's number); ``kind`` is detect-secrets' name of it."""

    kind: str
    place: str


def in_variables(variables: Mapping[str, str]) -> tuple[Hint, ...]:
    """Variables that seem to hold a secret. Takes some milliseconds, the first time half a second."""
    return _look((name, name, value) for name, value in variables.items())


def in_lines(text: str) -> tuple[Hint, ...]:
    """Lines of a script that seem to hold a secret, counted from 1."""
    numbered = enumerate(text.splitlines(), start=1)
    return _look((f"line {number}", *_assigned(line)) for number, line in numbered if line.strip())


def _assigned(line: str) -> tuple[str, str]:
    found = re.match(r"\s*(?:export\s+)?([A-Za-z_][\w-]*)\s*[=:]\s*[\"']?(.*?)[\"']?\s*$", line)
    return (found[1], found[2]) if found else ("", line)


def _look(entries: Iterable[tuple[str, str, str]]) -> tuple[Hint, ...]:
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.settings import get_plugins, transient_settings

    kinds: Any = get_mapping_from_secret_type_to_class()
    wanted = [{"name": kind.__name__} for kind in kinds.values() if kind.__name__ not in _NO_SECRETS]
    found: dict[Hint, None] = {}
    with _LOCK, transient_settings({"plugins_used": wanted}):
        plugins = list(get_plugins())
        for place, name, value in entries:
            for kind in _kinds(plugins, name, value):
                found[Hint(kind, place)] = None
    return tuple(found)


def _kinds(plugins: Iterable[Any], name: str, value: str) -> list[str]:
    """What a value seems to be: by its form, by the name that it has, or because nobody would write it by hand."""
    line = f'{name} = "{value}"' if name else value
    kinds = {seen for plugin in plugins for seen in _found(plugin, line, value)}
    reference = bool(_REFERENCE_NAME.search(name) or _REFERENCE_VALUE.match(value))
    by_form = sorted(kinds - _ENTROPY - {_KEYWORD})
    if by_form or reference:
        return by_form
    if _KEYWORD in kinds or (_OTHER_NAMES.search(name) and len(value) >= _SHORTEST):
        return [_KEYWORD]
    return sorted(kinds & _ENTROPY)


def _found(plugin: Any, line: str, value: str) -> Iterable[str]:
    from detect_secrets.filters import heuristic

    for secret in plugin.analyze_line(filename="variable", line=line, line_number=1):
        said = secret.secret_value or ""
        if heuristic.is_potential_uuid(said) or heuristic.is_templated_secret(said):
            continue
        # A word beside the value is not what may be secret.
        if secret.type in _ENTROPY and said not in value:
            continue
        yield str(secret.type)
