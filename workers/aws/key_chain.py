"""How a profile's keys are found: botocore's own chain, but nothing in it waits for a terminal, or without end.

- The code of a second device is asked for by a callable.
- The program of ``credential_process`` has a time limit.
- A fault in one section of the AWS CLI's files leaves the other sections usable.
- Keys of a role are kept where the AWS CLI keeps them: a child process and the next start then ask for no second code.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.configloader import build_profile_map
from botocore.credentials import ProfileProviderBuilder
from botocore.exceptions import ConfigNotFound, ConfigParseError
from botocore.utils import JSONFileCache

from workers.aws.key_program import KeyProgram
from workers.aws.profile_files import UNREADABLE, nested, read_file
from workers.errors.tree import Expired, Fix

# Given the device's serial number or ARN; None: nobody entered a code.
AskCode = Callable[[str], str | None]

CACHE = Path("~/.aws/cli/cache")


class _Builder(ProfileProviderBuilder):
    """Makes the providers of the profiles that a role takes its keys from."""

    def providers(self, profile_name: str, disable_env_vars: bool = False) -> list[Any]:
        made: list[Any] = super().providers(profile_name, disable_env_vars)
        for provider in made:
            _fit(provider)
        return made


def fit(session: Any, ask: AskCode) -> None:
    """Bend the chain of a botocore session that has its profile."""
    resolver = session.get_component("credential_provider")
    for name in ("ec2-credentials-file", "boto-config"):
        resolver.remove(name)
    for provider in resolver.providers:
        _fit(provider)
        if provider.METHOD == "assume-role":
            provider.cache = JSONFileCache(str(CACHE.expanduser()))
            provider._prompter = lambda prompt: _code(ask, prompt)
            provider._profile_provider_builder = _Builder(session)


def raw_config(path: str) -> dict[str, object]:
    """What ``botocore.configloader.raw_config_parse`` gives, but for the bad lines. Raises botocore's errors."""
    file = Path(path).expanduser()
    if not file.is_file():
        raise ConfigNotFound(path=path)
    try:
        return {name: nested(values) for name, values in read_file(file).sections.items()}
    except UNREADABLE as exc:
        raise ConfigParseError(path=path, error=exc) from exc


def full_config(config_file: str, credentials_file: str) -> dict[str, object]:
    """The profiles of both files as a botocore session has them."""
    try:
        found: dict[str, Any] = build_profile_map(raw_config(config_file))
    except ConfigNotFound:
        found = {"profiles": {}}
    try:
        for name, values in raw_config(credentials_file).items():
            found["profiles"].setdefault(name, {}).update(values)
    except ConfigNotFound:
        return found
    return found


def _fit(provider: Any) -> None:
    if provider.METHOD == "custom-process":
        provider._popen = KeyProgram
    elif provider.METHOD == "shared-credentials-file":
        provider._ini_parser = raw_config
    elif provider.METHOD == "config-file":
        provider._config_parser = lambda path: build_profile_map(raw_config(path))


def _code(ask: AskCode, prompt: str) -> str:
    serial = prompt.removeprefix("Enter MFA code for ").rstrip(": ")
    code = ask(serial)
    if not code:
        raise Expired(
            "A code of the second device is needed",
            f"The profile takes its role with {serial}, and no code was entered.",
            "Connect again and enter the code that the device shows.",
            code="CodeNeeded",
            fix=Fix("Connect again", "reconnect"),
        )
    return code
