"""What keeps a profile from being used, in a sentence with its file and line, before anything is asked of AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from workers.aws.profile_files import CONFIG, CREDENTIALS, UNREADABLE, ProfileFile, nested, path_of, read_file
from workers.errors.tree import Fix, LocalProblem

_KEYS = ("aws_access_key_id", "aws_secret_access_key")


def check(profile: str, environ: Mapping[str, str] | None = None) -> None:
    """Look through ``profile`` and those that it takes its keys from. Blocking; reads small files, no network.

    Raises ``LocalProblem``.
    """
    environ = os.environ if environ is None else environ
    files = []
    for place in (CONFIG, CREDENTIALS):
        path = path_of(environ, *place)
        try:
            files.append(read_file(path))
        except UNREADABLE:
            # Told in the list of accounts; the profile may be whole in the other file.
            files.append(ProfileFile(path, {}))
    problem = next(_problems(profile, *files), None)
    if problem is not None:
        raise LocalProblem(
            f"The profile {profile} cannot be used",
            problem,
            "Mend it there, then connect again.",
            code="ProfileProblem",
            fix=Fix("Try again", "retry"),
        )


def _problems(profile: str, config: ProfileFile, credentials: ProfileFile) -> Iterator[str]:
    visited: list[str] = []
    name = profile
    while True:
        visited.append(name)
        yield from _lines(name, config, credentials)
        values = {**config.sections.get(_section(name), {}), **credentials.sections.get(name, {})}
        yield from _own(name, values, config)
        if not values.get("role_arn") or values.get("web_identity_token_file"):
            return
        source = values.get("source_profile", "")
        if not source:
            return
        known = _section(source) in config.sections or source in credentials.sections
        if not known:
            yield f"[{name}] takes its keys from the profile {source}, and there is none in {config.path}."
            return
        if source == name and any(key in values for key in _KEYS):
            return
        if source in visited:
            way = " from ".join([*visited, source])
            yield f"In {config.path} profiles take their keys from each other in a circle: {way}."
            return
        name = source


def _lines(name: str, config: ProfileFile, credentials: ProfileFile) -> Iterator[str]:
    wanted = ((config, {_section(name)}), (credentials, {name}))
    for file, sections in wanted:
        values = file.sections.get(_section(name), {}) if file is config else {}
        sections |= {f"sso-session {values['sso_session']}"} if values.get("sso_session") else set()
        sections |= {f"services {values['services']}"} if values.get("services") else set()
        for bad in file.bad:
            if bad.section in sections:
                yield f"{file.path}, line {bad.line}: {said(bad.why)}."


def said(why: str) -> str:
    """A line's fault as the end of a sentence."""
    return f"it {why}" if why.startswith("is ") else why


def _own(name: str, values: Mapping[str, str], config: ProfileFile) -> Iterator[str]:
    role, source, credential = (values.get(key) for key in ("role_arn", "source_profile", "credential_source"))
    if role and not values.get("web_identity_token_file"):
        if source and credential:
            yield f"[{name}] has both source_profile and credential_source in {config.path}; one of them must go."
        if not source and not credential:
            yield f"[{name}] takes a role, but {config.path} does not say with which source_profile."
    for kind, section in (("sso_session", "sso-session"), ("services", "services")):
        wanted = values.get(kind)
        if wanted and f"{section} {wanted}" not in config.sections:
            yield f"[{name}] names the {section} {wanted}, and {config.path} has no section [{section} {wanted}]."
    if any(values.get(key) for key in _KEYS) and not all(values.get(key) for key in _KEYS):
        missing = next(key for key in _KEYS if not values.get(key))
        yield f"[{name}] has one key without the other: {missing} is missing."
    services = config.sections.get(f"services {values.get('services')}", {})
    parts = [part for part in nested(services).values() if isinstance(part, dict)]
    for url in [values.get("endpoint_url", ""), *(part.get("endpoint_url", "") for part in parts)]:
        if url and not _whole(url):
            yield f"The endpoint_url of [{name}], {url}, does not begin with http:// or https://."


def _whole(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _section(profile: str) -> str:
    return "default" if profile == "default" else f"profile {profile}"
