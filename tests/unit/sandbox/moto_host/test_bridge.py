"""moto that is not there yet, or will not come any more."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.auth.credentials import Credentials
from sandbox.core.state import StateDir
from sandbox.moto_host.bridge import MotoBridge
from sandbox.wire.errors import AwsError


def test_nobody_waits_for_moto_when_the_sandbox_ends_before_it_came(tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    bridge = MotoBridge(state, Credentials(state))
    bridge.start()
    bridge.stop()
    with pytest.raises(AwsError, match="ending") as caught:
        bridge.wait()
    assert caught.value.status == 503
    state.close()
