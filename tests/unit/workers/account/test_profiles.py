"""Profiles are read as the AWS CLI reads them, without network and without failing on a bad file."""

from __future__ import annotations

from workers.account.profiles import list_profiles, unreadable_files

CONFIG = """\
[default]
region = eu-west-1

[profile work]
sso_session = corp
region = us-west-2
s3 =
    addressing_style = path

[profile "two words"]

[profile local]
endpoint_url = http://127.0.0.1:9000

[sso-session corp]
sso_start_url = https://example.com

[services dev]
"""
CREDENTIALS = "[keys]\naws_access_key_id = AKIASECRET\naws_secret_access_key = s3cr3t%\n\n[work]\nregion = eu-north-1\n"


def profiles(tmp_path, config=CONFIG, credentials=CREDENTIALS, **environ):
    (tmp_path / "config").write_text(config)
    (tmp_path / "credentials").write_text(credentials)
    files = {
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
    }
    return list_profiles({**files, **environ})


def test_profiles_of_both_files_default_first(tmp_path):
    found = profiles(tmp_path)
    assert [backend.label for backend in found] == ["default", "keys", "local", "two words", "work"]
    by_name = {backend.profile_name: backend for backend in found}
    assert by_name["default"].region == "eu-west-1"
    assert by_name["work"].region == "eu-north-1"
    assert by_name["keys"].region == "us-east-1"
    assert by_name["local"].endpoint_url == "http://127.0.0.1:9000"
    assert all(backend.kind == "aws" for backend in found)


def test_keys_stay_in_their_file(tmp_path):
    found = profiles(tmp_path)
    assert "s3cr3t" not in repr(found) and all(backend.access_key_id is None for backend in found)


def test_the_environment_gives_keys_and_region(tmp_path):
    found = profiles(tmp_path, AWS_ACCESS_KEY_ID="AKIA", AWS_SECRET_ACCESS_KEY="x", AWS_DEFAULT_REGION="ap-south-1")
    assert found[0].label == "Environment" and found[0].profile_name is None and found[0].region == "ap-south-1"
    assert {backend.label: backend.region for backend in found}["keys"] == "ap-south-1"


def test_missing_and_broken_files_count_as_empty(tmp_path):
    files = {"AWS_CONFIG_FILE": str(tmp_path / "no"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "nope")}
    assert list_profiles(files) == []
    assert profiles(tmp_path, config="no section\n", credentials="") == []
    (tmp_path / "config").write_bytes(b"\xff\xfe\x00")
    assert list_profiles({**files, "AWS_CONFIG_FILE": str(tmp_path / "config")}) == []


def test_what_is_wrong_with_a_file_is_told_without_its_content(tmp_path):
    config, credentials = tmp_path / "config", tmp_path / "credentials"
    environ = {"AWS_CONFIG_FILE": str(config), "AWS_SHARED_CREDENTIALS_FILE": str(credentials)}
    assert unreadable_files(environ) == []
    config.write_text("[default]\nregion = us-east-1\n")
    credentials.write_text("[default]\naws_secret_access_key\nSECRETSECRET\n")
    (said,) = unreadable_files(environ)
    assert said == f"{credentials} cannot be read: line 2 is neither a section nor a setting."
    config.write_bytes(b"\xff\xfe\x00")
    credentials.unlink()
    assert unreadable_files(environ) == [f"{config} cannot be read: it is not text in UTF-8."]
    config.unlink()
    config.mkdir()
    assert "SECRET" not in str(unreadable_files(environ)) and len(unreadable_files(environ)) == 1
