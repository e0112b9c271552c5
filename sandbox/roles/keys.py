"""The keys with which a container acts as its role: short-lived, renewed while it runs, revoked with it.

An SDK inside of the container reads them through ``credential_process`` (AWS SDKs and Tools Reference, "Process
credential provider") and asks again before they expire, as it does on AWS.
"""

from __future__ import annotations

import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path

from sandbox.auth.credentials import Credentials

# Renewed every RENEW_SECONDS, and the newest three stay valid: a life beyond three renewals would be cut short, a life
# under one renewal would end too soon.
LIFE_SECONDS = 2 * 3600.0
# Early enough that what the file holds is never about to expire.
RENEW_SECONDS = 3600.0


class RoleKeys:
    """Keys of ``role_arn`` in ``folder``; ``environment`` leads every SDK to them. ``close`` ends them."""

    def __init__(self, credentials: Credentials, role_arn: str, folder: Path, region: str, endpoint_url: str) -> None:
        self._credentials, self._role_arn = credentials, role_arn
        self._file = folder / "keys.json"
        self._issued: list[str] = []
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self.environment = _configure(folder, self._file, region, endpoint_url)
        self.renew()
        self._renewer = threading.Thread(target=self._keep_fresh, name="role keys", daemon=True)
        self._renewer.start()

    def renew(self) -> None:
        """Write new keys. Those before go on until they expire, for whoever has read them already."""
        keys = self._credentials.issue_session(self._role_arn, "SageMaker", LIFE_SECONDS, kept=False)
        expires = datetime.fromtimestamp(keys.expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        content = {
            "Version": 1,
            "AccessKeyId": keys.access_key_id,
            "SecretAccessKey": keys.secret_access_key,
            "SessionToken": keys.session_token,
            "Expiration": expires,
        }
        with self._lock:
            self._issued.append(keys.access_key_id)
            _write(self._file, json.dumps(content))
            # A program that still has a key from two renewals ago has been given newer ones since then.
            old, self._issued = self._issued[:-3], self._issued[-3:]
        for key_id in old:
            self._credentials.revoke(key_id)

    def close(self) -> None:
        """Revoke everything that was handed out; requests signed with it are refused from now on."""
        self._closed.set()
        with self._lock:
            issued, self._issued = self._issued, []
            self._file.unlink(missing_ok=True)
        for key_id in issued:
            self._credentials.revoke(key_id)

    def _keep_fresh(self) -> None:
        while not self._closed.wait(RENEW_SECONDS):
            self.renew()


def _configure(folder: Path, keys: Path, region: str, endpoint_url: str) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "config"
    quoted = str(keys).replace("\\", "\\\\").replace('"', '\\"')
    _write(
        config,
        f'[default]\nregion = {region}\ncredential_process = /bin/cat "{quoted}"\ns3 =\n  addressing_style = path\n',
    )
    return {
        "AWS_CONFIG_FILE": str(config),
        # An operator's own file must not be found instead.
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)
