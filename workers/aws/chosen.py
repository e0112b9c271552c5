"""A chosen account is that account: nothing in the environment sends its calls, or those of a child, elsewhere.

A shell that uses the sandbox, or another profile, has variables set that botocore puts above the profile that it is
given: an endpoint for all services or for one, a region, FIPS addresses. Which files the profiles are in, proxies and
certificates stay with the environment: they say how this computer reaches the network, not which account is meant.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from workers.errors.rules import is_local
from workers.types import Backend

# What says which account is meant, where it is and how it is addressed; ``AWS_ENDPOINT_URL_…`` besides.
REDIRECTING = frozenset(
    {
        "AWS_ACCESS_KEY_ID",
        "AWS_ACCOUNT_ID",
        "AWS_ACCOUNT_ID_ENDPOINT_MODE",
        "AWS_AUTH_SCHEME_PREFERENCE",
        "AWS_CREDENTIAL_EXPIRATION",
        "AWS_CREDENTIAL_FILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_DEFAULT_REGION",
        "AWS_DISABLE_HOST_PREFIX_INJECTION",
        "AWS_ENDPOINT_DISCOVERY_ENABLED",
        "AWS_ENDPOINT_URL",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_ROLE_ARN",
        "AWS_ROLE_SESSION_NAME",
        "AWS_S3_US_EAST_1_REGIONAL_ENDPOINT",
        "AWS_S3_USE_ARN_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_TOKEN",
        "AWS_SIGV4A_SIGNING_REGION_SET",
        "AWS_STS_REGIONAL_ENDPOINTS",
        "AWS_USE_DUALSTACK_ENDPOINT",
        "AWS_USE_FIPS_ENDPOINT",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "BOTO_CONFIG",
        # The SDKs' defaults that ``python -m sandbox env`` sets.
        "SAGEMAKER_ADMIN_CONFIG_OVERRIDE",
    }
)
# What names a file, for botocore and for the libraries below it.
_FILES = (
    "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CA_BUNDLE", "AWS_WEB_IDENTITY_TOKEN_FILE",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR",
)  # fmt: skip
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def child_environ(backend: Backend, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a child process that works for ``backend``.

    Keys of its own are the whole truth: then no profile, certificate, proxy or file of this computer counts.
    """
    kept = dict(os.environ if environ is None else environ)
    # A child runs in another folder: what is named from the window's has to be found all the same.
    kept |= {name: str(Path(kept[name]).absolute()) for name in _FILES if kept.get(name, "~")[:1] not in ("~", "")}
    if backend.access_key_id is not None:
        kept = {name: value for name, value in kept.items() if not _is_aws(name) and name.lower() not in _PROXIES}
        nothing = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
        return kept | nothing | {"AWS_EC2_METADATA_DISABLED": "true"}
    if backend.profile_name is None:
        return kept
    return without_redirection(kept)


def without_redirection(environ: Mapping[str, str]) -> dict[str, str]:
    """``environ`` without what would send the calls of a profile elsewhere."""
    return {name: value for name, value in environ.items() if not _redirects(name)}


def core_session(backend: Backend, ask_code: Callable[[str], str | None] | None = None) -> Any:
    """A ``botocore.session.Session`` in which the environment does not redirect the backend's profile or keys.

    Every client that it makes, also the one that takes a role, gets the endpoint that the profile itself names. With
    keys of its own the backend needs nothing of the AWS CLI's files: a profile in the environment that does not
    exist, or a file with a fault, must not keep the operator from it. Blocking; the files are read when needed.
    ``ask_code`` is called, in the thread that needs the keys, for a code of a second device; see ``key_chain``.
    """
    import botocore.session
    from botocore.config import Config
    from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES as VARIABLES
    from botocore.configprovider import ConfiguredEndpointProvider

    from workers.aws import key_chain

    alone, chosen = backend.access_key_id is not None, backend.profile_name is not None

    class ChosenSession(botocore.session.Session):
        _files: dict[str, Any] = {"profiles": {}} if alone else {}

        def create_client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
            url = backend.endpoint_url if alone else self._own_endpoint(service_name)
            given = kwargs.get("config") or self.get_default_client_config() or Config()
            settings: dict[str, Any] = {"ignore_configured_endpoint_urls": True}
            if url:
                # A custom host has no name for each bucket, and is not behind a proxy where it is of this computer.
                settings.update(s3={"addressing_style": "path"}, **({"proxies": {}} if is_local(url) else {}))
                kwargs["endpoint_url"] = url
            return super().create_client(service_name, *args, **(kwargs | {"config": given.merge(Config(**settings))}))

        @property
        def full_config(self) -> dict[str, object]:
            if not alone and not self._files:
                places = (self.get_config_variable(name) for name in ("config_file", "credentials_file"))
                self._files = key_chain.full_config(*places)
            return self._files

        def _own_endpoint(self, service: str) -> str | None:
            environ: dict[str, str] | None = {} if chosen else None
            found = ConfiguredEndpointProvider(self.full_config, self.get_scoped_config(), service, environ).provide()
            return str(found) if found else None

    ignored: dict[str, Any] = {}
    if alone:
        ignored = dict.fromkeys(("profile", "config_file", "credentials_file"), (None, None, None, None))
    elif chosen:
        ignored = {
            name: (in_file, None, default, kind)
            for name, (in_file, variables, default, kind) in VARIABLES.items()
            if any(
                _redirects(variable) for variable in ([variables] if isinstance(variables, str) else variables or ())
            )
        }
    else:
        ignored = {"profile": (None, None, None, None)}
    session = ChosenSession(session_vars=ignored)
    if chosen:
        session.set_config_variable("profile", backend.profile_name)
        key_chain.fit(session, ask_code or (lambda serial: None))
    return session


def _is_aws(name: str) -> bool:
    return name.startswith("AWS_") or name in REDIRECTING


def _redirects(name: str) -> bool:
    return name in REDIRECTING or name.startswith("AWS_ENDPOINT_URL_")
