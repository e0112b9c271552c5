"""Starting the sandbox, finding the one that runs, and what is said when it does not start.

A stand-in is started in place of the sandbox: it serves a signed STS call as the sandbox would.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from filelock import Timeout

from workers import paths
from workers.account import sandbox as local_account
from workers.errors.tree import LocalProblem

STAND_IN = Path(__file__).parent.parent.joinpath("stand_in_sandbox.py")


@pytest.fixture
def state(tmp_path, monkeypatch):
    """A state folder whose sandbox is the stand-in; ends it when the test is over."""
    folder = tmp_path / "my state"
    extra: list[str] = []

    def command_line(state_dir):
        return [sys.executable, str(STAND_IN), "sandbox", str(state_dir), *extra]

    monkeypatch.setattr(local_account, "command_line", command_line)
    monkeypatch.setattr(local_account, "START_SECONDS", 60.0)
    folder_and_extra = (folder, extra)
    yield folder_and_extra
    ready = local_account.read_ready(folder)
    if ready is not None and psutil.pid_exists(ready.pid):
        psutil.Process(ready.pid).kill()


def run(coroutine):
    return asyncio.run(asyncio.wait_for(coroutine, 120))


def test_start_then_attach_then_stop(state):
    folder, _ = state

    async def body():
        said = []
        first = await local_account.attach_or_start(folder, said.append)
        assert said[0] == "Starting the sandbox…" and said[-1] == "The sandbox is ready"
        assert first.kind == "sandbox" and first.endpoint_url.startswith("http://127.0.0.1:")
        assert "secret-of" not in repr(first) and first.secret_access_key.startswith("secret-of")
        said.clear()
        assert await local_account.attach_or_start(folder, said.append) == first
        assert said == ["Connected to the running sandbox"]
        pid = local_account.read_ready(folder).pid
        assert await local_account.stop(folder) is True
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        assert await local_account.stop(folder) is False

    run(body())


@pytest.mark.parametrize(("number", "how"), [(signal.SIGKILL, "killed"), (signal.SIGTERM, "stopped")])
def test_how_it_ended_is_told(state, number, how):
    folder, _ = state

    async def body():
        await local_account.attach_or_start(folder)
        pid = local_account.read_ready(folder).pid
        os.kill(pid, number)
        return await local_account.until_ended(pid, folder)

    assert run(body()) == how


def test_it_outlives_the_one_who_started_it_and_gets_no_aws_keys(state, monkeypatch):
    folder, _ = state
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the operator's")
    run(local_account.attach_or_start(folder))
    process = psutil.Process(local_account.read_ready(folder).pid)
    assert os.getsid(process.pid) == process.pid
    assert not any(name.startswith("AWS_") for name in process.environ())
    assert process.cwd() != str(folder)


def test_two_windows_at_once_share_one(state):
    folder, _ = state

    async def body():
        backends = await asyncio.gather(*(local_account.attach_or_start(folder) for _ in range(3)))
        assert len(set(backends)) == 1

    run(body())
    assert local_account.log_path(folder).read_text().count("serving") == 1


def test_a_stale_ready_file_is_not_believed(state):
    folder, _ = state
    first = run(local_account.attach_or_start(folder))
    ready = local_account.read_ready(folder)
    psutil.Process(ready.pid).kill()
    second = run(local_account.attach_or_start(folder))
    assert second.endpoint_url != first.endpoint_url


def test_another_program_at_the_address_is_not_believed(state, tmp_path):
    folder, _ = state
    other = tmp_path / "other"
    run(local_account.attach_or_start(other))
    theirs = json.loads((other / "ready.json").read_text())
    folder.mkdir()
    (folder / "ready.json").write_text(json.dumps({**theirs, "access_key_id": "unknown"}))
    try:
        backend = run(local_account.attach_or_start(folder))
        assert backend.endpoint_url != theirs["endpoint_url"]
    finally:
        psutil.Process(theirs["pid"]).kill()


def test_one_that_ends_at_once_is_told_with_its_last_words(state):
    folder, extra = state
    extra.append("die")
    with pytest.raises(LocalProblem) as told:
        run(local_account.attach_or_start(folder))
    assert "exit code 7" in told.value.message and "what went wrong" in told.value.details
    assert str(local_account.log_path(folder)) in told.value.hint
    assert told.value.fix.action == "restart_sandbox"


def test_one_that_finds_the_last_one_still_ending_is_started_again(state, monkeypatch):
    folder, extra = state
    extra.append("in use at first")
    monkeypatch.setattr(local_account, "AGAIN_SECONDS", 0.0)
    assert run(local_account.attach_or_start(folder)).kind == "sandbox"
    assert (folder.parent / "tried").exists()


def test_one_that_never_answers_is_given_up(state, monkeypatch):
    folder, extra = state
    extra.append("hang")
    monkeypatch.setattr(local_account, "START_SECONDS", 0.5)
    with pytest.raises(LocalProblem, match="not ready within"):
        run(local_account.attach_or_start(folder))


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalProblem, match="folder cannot be used"):
        run(local_account.attach_or_start(tmp_path / "file" / "below" / "state"))


def test_a_notice_of_the_sandbox_is_passed_on(state):
    folder, extra = state
    extra.append("notice")
    said = []
    run(local_account.attach_or_start(folder, said.append))
    assert said[-1] == "The old folder was moved aside"


@pytest.mark.parametrize("how, factor", [((), 1.0), (("fast",), 100.0)])
def test_how_fast_its_time_passes_is_passed_on(state, how, factor):
    folder, extra = state
    extra.extend(how)
    assert run(local_account.attach_or_start(folder)).time_factor == factor


def test_that_its_jobs_can_read_files_is_passed_on(state):
    folder, extra = state
    extra.append("exposed")
    assert run(local_account.attach_or_start(folder)).exposure == "Jobs can read your files"


def test_the_log_is_rotated(state, monkeypatch):
    folder, _ = state
    monkeypatch.setattr(local_account, "LOG_BYTES", 10)
    log = local_account.log_path(folder)
    log.parent.mkdir(exist_ok=True)
    for number in range(5):
        log.write_text(f"long enough {number}")
        local_account._rotate(log)
    assert not log.exists()
    kept = sorted(path.name for path in log.parent.glob(log.name + "*"))
    assert kept == [f"{log.name}.{number}" for number in (1, 2, 3)]
    assert (log.parent / f"{log.name}.1").read_text() == "long enough 4"


def test_the_state_folder_can_be_chosen(monkeypatch, tmp_path):
    monkeypatch.setenv("SAGEDECK_STATE", str(tmp_path / "x"))
    assert local_account.default_state_dir() == tmp_path / "x"
    monkeypatch.delenv("SAGEDECK_STATE")
    assert local_account.default_state_dir().parts[-2:] == ("sagedeck", "sandbox")


def test_only_one_holds_the_lock(tmp_path):
    first, two = (local_account.start_lock(tmp_path / "state") for _ in range(2))
    first.acquire(timeout=0)
    with pytest.raises(Timeout):
        two.acquire(timeout=0)
    first.release()
    two.acquire(timeout=0)
    two.release()


def test_the_lock_of_a_killed_process_is_free(tmp_path):
    code = (
        "import sys, time; from pathlib import Path; from workers.account.sandbox import start_lock\n"
        "lock = start_lock(Path(sys.argv[1])); lock.acquire(timeout=0); print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "state")], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    lock = local_account.start_lock(tmp_path / "state")
    with pytest.raises(Timeout):
        lock.acquire(timeout=0)
    process.kill()
    process.communicate()
    lock.acquire(timeout=0)
    lock.release()


@pytest.mark.skipif(os.name != "posix", reason="the folders of other systems have no such rights")
def test_the_lock_never_lies_where_others_may_write(tmp_path):
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    with local_account.start_lock(shared / "state"):
        assert [path.name for path in shared.iterdir()] == ["state"]
    assert stat.S_IMODE((shared / "state").stat().st_mode) == 0o700


@pytest.mark.skipif(os.name != "posix", reason="making a link needs rights elsewhere")
def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path):
    victim = tmp_path / "victim"
    (tmp_path / "state.lock").symlink_to(victim)
    with pytest.raises(OSError), local_account.start_lock(tmp_path / "state"):
        pass
    assert not victim.exists()


@pytest.mark.parametrize(
    ("variable", "found"),
    [("XDG_DATA_HOME", paths.user_data), ("XDG_CONFIG_HOME", paths.user_config), ("XDG_CACHE_HOME", paths.user_cache)],
)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other places")
def test_the_folders_of_users_stay_where_they_are(monkeypatch, tmp_path, variable, found):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv(variable, raising=False)
    usual = {"XDG_DATA_HOME": ".local/share", "XDG_CONFIG_HOME": ".config", "XDG_CACHE_HOME": ".cache"}[variable]
    assert found() == tmp_path / usual / "sagedeck"
    monkeypatch.setenv(variable, "")
    assert found() == tmp_path / usual / "sagedeck"
    monkeypatch.setenv(variable, str(tmp_path / "elsewhere"))
    assert found() == tmp_path / "elsewhere" / "sagedeck"


@pytest.mark.parametrize("given", [None, "", "elsewhere"])
def test_window_and_sandbox_take_the_same_folder(monkeypatch, tmp_path, given):
    from sandbox.__main__ import default_state

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SAGEDECK_STATE", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    if given is not None:
        monkeypatch.setenv("XDG_DATA_HOME", given and str(tmp_path / given))
    assert default_state() == local_account.default_state_dir()
    monkeypatch.setenv("SAGEDECK_STATE", str(tmp_path / "x"))
    assert default_state() == local_account.default_state_dir() == tmp_path / "x"
