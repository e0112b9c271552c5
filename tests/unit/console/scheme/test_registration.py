"""Who opens links is told truly, changed for this user alone, and taken back without a trace of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QSettings

from console.scheme.desktop import ID, MIME, DesktopRegistration, exec_argument, with_default
from console.scheme.here import registration
from console.scheme.registration import Handler, Impossible, NotRegistered, Registration
from console.scheme.windows import OWN_KEY, WindowsRegistration
from tests.helpers.waiting import wait_for

BEFORE = """# mine
[Added Associations]
text/plain=vim.desktop;

[Default Applications]
text/html=firefox.desktop
"""


def desktop(home: Path, program: str = "/opt/sage deck/100% $x/sagedeck", **environ: str) -> DesktopRegistration:
    folders = {"XDG_DATA_DIRS": str(home / "usr"), "XDG_CONFIG_DIRS": str(home / "etc")}
    return DesktopRegistration(Path(program) if program else None, folders | environ, home)


def other(folder: Path, name: str = "other.desktop") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"[Desktop Entry]\nName=Other\nExec=other %u\nMimeType=text/x;{MIME};\n")
    return path


def test_it_is_registered_and_taken_back_and_nothing_else_changes(tmp_path: Path) -> None:
    listed = tmp_path / ".config/mimeapps.list"
    listed.parent.mkdir()
    listed.write_text(BEFORE)
    listed.chmod(0o644)
    found = desktop(tmp_path)
    assert found.look() == Handler("none") and not found.file.exists()
    for _ in range(2):
        found.register()
        assert found.look() == Handler("ours")
        assert listed.read_text() == BEFORE.replace("text/html", f"{MIME}={ID};\ntext/html")
    text = found.file.read_text()
    assert found.file == tmp_path / ".local/share/applications" / ID
    shell = r'''/bin/sh -c "exec \\"\\$0\\" \\"\\$@\\""'''
    assert rf'Exec={shell} "/opt/sage deck/100%% \\$x/sagedeck" -- %u' in text and f"MimeType={MIME};" in text
    assert listed.stat().st_mode & 0o777 == 0o644
    for _ in range(2):
        found.unregister()
        assert (listed.read_text(), found.file.exists(), found.look()) == (BEFORE, False, Handler("none"))


def test_the_folders_of_the_user_count(tmp_path: Path) -> None:
    data, config = tmp_path / "my data", tmp_path / "my config"
    found = desktop(tmp_path / "home", XDG_DATA_HOME=str(data), XDG_CONFIG_HOME=str(config))
    found.register()
    assert (data / "applications" / ID).exists() and (config / "mimeapps.list").exists()
    assert not (tmp_path / "home").exists()
    # What is no absolute path counts for nothing.
    odd = desktop(tmp_path / "home", XDG_DATA_HOME="here", XDG_CONFIG_HOME="")
    assert odd.file == tmp_path / "home/.local/share/applications" / ID


def test_another_program_is_told_and_comes_back(tmp_path: Path) -> None:
    path = other(tmp_path / "usr/applications")
    found = desktop(tmp_path)
    assert found.look() == Handler("other", f"Other ({path})")
    listed = tmp_path / ".config/mimeapps.list"
    listed.parent.mkdir()
    listed.write_text(f"[Default Applications]\n{MIME}=gone.desktop;other.desktop\n")
    assert found.look().state == "other"
    found.register()
    assert found.look().state == "ours"
    found.unregister()
    assert listed.read_text() == f"[Default Applications]\n{MIME}=gone.desktop;other.desktop;\n"
    assert found.look() == Handler("other", f"Other ({path})")


def test_another_installation_of_sagedeck_is_another_program(tmp_path: Path) -> None:
    desktop(tmp_path, "/one/sagedeck").register()
    second = desktop(tmp_path, "/two/sagedeck")
    assert second.look().state == "other"
    second.register()
    assert second.look().state == "ours" and desktop(tmp_path, "/one/sagedeck").look().state == "other"


def test_a_list_that_counts_more_is_told(tmp_path: Path) -> None:
    other(tmp_path / "usr/applications")
    listed = tmp_path / ".config/kde-mimeapps.list"
    listed.parent.mkdir()
    listed.write_text(f"[Default Applications]\n{MIME}=other.desktop\n")
    with pytest.raises(NotRegistered, match="another list counts more"):
        desktop(tmp_path, XDG_CURRENT_DESKTOP="KDE:other").register()


def test_what_cannot_be_written_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(NotRegistered, match="no sagedeck command"):
        desktop(tmp_path, "").register()
    with pytest.raises(NotRegistered, match="line break"):
        desktop(tmp_path, "/a\nExec=evil/sagedeck").register()
    listed = tmp_path / ".config/mimeapps.list"
    listed.parent.mkdir()
    listed.write_bytes(b"# caf\xe9\n")
    with pytest.raises(NotRegistered, match="no UTF-8"):
        desktop(tmp_path).register()
    assert listed.read_bytes() == b"# caf\xe9\n"
    assert desktop(tmp_path).look() == Handler("none") and not desktop(tmp_path).file.exists()
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError):
        desktop(tmp_path, XDG_DATA_HOME=str(tmp_path / "file/in")).register()


@given(st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Zl", "Zp"), exclude_characters="\x85\x7f")))
def test_every_path_survives_the_quoting(path: str) -> None:
    line = exec_argument(path)
    assert "\n" not in line
    # The value's escapes, then those of the quotes, then field codes: as the specification reads them.
    value = line.replace("\\\\", "\\")
    if value.startswith('"'):
        body, out, at = value[1:-1], "", 0
        while at < len(body):
            at += body[at] == "\\"
            out += body[at]
            at += 1
        value = out
    assert value.replace("%%", "%") == path
    assert "%" not in line.replace("%%", "")


@pytest.mark.skipif(shutil.which("gio") is None, reason="no GLib here")
@pytest.mark.parametrize("name", ["plain", "a b", "100% =$y", "q\"u\\o`t'e"])
def test_glib_starts_what_was_written_with_the_link_alone(tmp_path: Path, name: str) -> None:
    program = tmp_path / name / "sagedeck"
    program.parent.mkdir()
    got = tmp_path / "got"
    program.write_text(f"#!/bin/sh\nprintf '%s|' \"$@\" > {got}.part && mv {got}.part {got}\n")
    program.chmod(0o755)
    folders = {"XDG_DATA_DIRS": str(tmp_path / "usr"), "XDG_CONFIG_DIRS": str(tmp_path / "etc")}
    mine = {"XDG_DATA_HOME": str(tmp_path / "data"), "XDG_CONFIG_HOME": str(tmp_path / "config")}
    DesktopRegistration(program, folders | mine, tmp_path).register()
    link = "sagedeck://123456789012/us-east-1/endpoint/a%20b"
    subprocess.run(["gio", "open", link], env={**os.environ, **folders, **mine}, check=True, timeout=30)
    wait_for(got.exists)
    assert got.read_text() == f"--|{link}|"


@given(st.text(), st.lists(st.from_regex(r"[a-z]{1,9}\.desktop", fullmatch=True), max_size=3, unique=True))
def test_any_list_keeps_its_other_lines(text: str, names: list[str]) -> None:
    made = with_default(text, names)
    assert with_default(made, names) == made
    kept = [line for line in text.splitlines() if not line.startswith(MIME)]
    assert all(line in made.splitlines() for line in kept)
    assert with_default(made, []).count(MIME) <= text.count(MIME)


def windows(folder: Path, program: str = r"C:\Program Files\Sage Deck\sagedeck.exe") -> WindowsRegistration:
    def open_key(key: str) -> QSettings:
        name = "own.ini" if key == OWN_KEY else "merged.ini"
        return QSettings(str(folder / name), QSettings.Format.IniFormat)

    return WindowsRegistration(Path(program) if program else None, open_key)


def test_windows_gets_its_keys_and_loses_them_again(tmp_path: Path) -> None:
    found = windows(tmp_path)
    assert found.look() == Handler("none")
    found.register()
    key = QSettings(str(tmp_path / "own.ini"), QSettings.Format.IniFormat)
    assert key.value("shell/open/command/Default") == r'"C:\Program Files\Sage Deck\sagedeck.exe" -- "%1"'
    assert key.value("Default") == "URL:SageDeck" and key.contains("URL Protocol")
    assert found.look() == Handler("ours") and windows(tmp_path, r"D:\x\sagedeck.exe").look().state == "other"
    with pytest.raises(NotRegistered, match="nothing was changed"):
        windows(tmp_path, r"D:\x\sagedeck.exe").unregister()
    found.unregister()
    assert found.look() == Handler("none")
    with pytest.raises(NotRegistered, match="no sagedeck command"):
        windows(tmp_path, "").register()


def test_a_program_of_all_users_is_told(tmp_path: Path) -> None:
    merged = QSettings(str(tmp_path / "merged.ini"), QSettings.Format.IniFormat)
    merged.setValue("URL Protocol", "")
    merged.setValue("shell/open/command/Default", "other.exe %1")
    merged.sync()
    assert windows(tmp_path).look() == Handler("other", "other.exe %1")


def test_a_mac_refuses_in_words() -> None:
    found = registration("darwin")
    assert "application bundle" in found.why_not and found.look().words == found.why_not
    for change in (found.register, found.unregister):
        with pytest.raises(NotRegistered, match="application bundle"):
            change()


def test_this_system_has_its_own() -> None:
    found: Registration = registration()
    assert isinstance(found, Impossible) == (sys.platform == "darwin")
