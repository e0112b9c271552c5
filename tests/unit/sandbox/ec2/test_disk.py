"""Which paths of a script are the instance's own, and that no script can switch this machine off by them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.ec2.disk import Disk


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "i-1", True)


@pytest.mark.parametrize(
    "text",
    [
        "aws s3 cp s3://bucket/opt/x .",
        "cd ~/tmp",
        "cat ../home/x",
        "ls ./var/log",
        "curl https://host/var/x",
        "echo $HOME/tmp",
        'echo "${BASE}/opt/x"',
        "ls /usr/bin /etc/os-release /dev/null /proc/cpuinfo",
        "ls /optional /homestead /variables",
    ],
)
def test_other_paths_stay(disk: Disk, text: str) -> None:
    assert disk.local(text) == text


@pytest.mark.parametrize("place", ["/opt/pytorch/bin/python", "/home/ubuntu", "/root", "/tmp/x", "/var/log/a", "/mnt"])
@pytest.mark.parametrize("around", ["{}", "cd {}; ls", "x={}", "'{}'", '"{}"', ">{}", "(cd {})"])
def test_the_instances_own_paths_lie_in_its_folder(disk: Disk, place: str, around: str) -> None:
    assert disk.local(around.format(place)) == around.format(f"{disk.root}{place}")


@pytest.mark.parametrize("name", ["shutdown", "poweroff", "halt", "reboot", "systemctl", "sudo"])
@pytest.mark.parametrize("folder", ["/sbin", "/bin", "/usr/sbin", "/usr/bin"])
def test_this_machines_own_commands_are_not_reached(disk: Disk, folder: str, name: str) -> None:
    assert disk.local(f"sudo {folder}/{name} now") == f"sudo {disk.commands / name} now"
    assert disk.local(f"{folder}/{name}ctl") == f"{folder}/{name}ctl"


def test_the_metadata_has_the_instances_address(disk: Disk) -> None:
    text = "curl http://169.254.169.254/latest/meta-data/"
    assert disk.local(text, "http://127.0.0.1:1/secret") == "curl http://127.0.0.1:1/secret/latest/meta-data/"


def test_the_disk_is_made_once_and_keeps_what_is_on_it(disk: Disk) -> None:
    disk.create()
    (disk.home / "mine").write_text("kept")
    disk.create()
    assert (disk.home / "mine").read_text() == "kept"
    found = subprocess.run(
        [disk.root / "opt/pytorch/bin/python", "-c", "import sys; print(1)"], capture_output=True, text=True, check=True
    )
    assert found.stdout == "1\n"
    done = subprocess.run([disk.commands / "sudo", "-u", "ubuntu", "-E", "A=b", "printenv", "A"], capture_output=True)
    assert done.stdout == b"b\n"


def test_an_image_without_pytorch_has_it_once_it_was_installed(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "i-2", False)
    python = disk.create()
    env = python.environment(tmp_path)

    def run(*argv: str) -> int:
        program = python.folder / "commands" / argv[0]
        return subprocess.run([program, *argv[1:]], env=env, capture_output=True, timeout=60).returncode

    assert run("python3", "-c", "import torchvision") != 0
    assert run("python3", "-m", "pip", "install", "--help") == 0
    assert run("python3", "-c", "import importlib.util; assert importlib.util.find_spec('torchvision')") == 0


def test_a_path_that_was_shown_once_stays(disk: Disk) -> None:
    shown = f"ls {disk.root}/opt/x {disk.commands}/shutdown"
    assert disk.local(shown) == shown


@given(st.lists(st.integers(0, 200), max_size=8), st.integers(0, 3))
def test_paths_come_back_however_the_output_is_cut(cuts: list[int], many: int) -> None:
    disk = Disk(Path("/home/me/state/instances/i-1"), True)
    whole = f"/home/me/state {disk.root}/root/x: no\n{disk.root}\n{disk.base}/python/commands/pip /".encode() * many
    public, shown, last = disk.public(), b"", 0
    for cut in sorted(cuts):
        shown += public.feed(whole[last:cut])
        last = max(last, cut)
    shown += public.feed(whole[last:]) + public.close()
    assert shown == b"/home/me/state /root/x: no\n\n/usr/bin/pip /" * many
