"""A profile that cannot be used says why, with its place; the profiles beside it go on."""

from __future__ import annotations

import pytest

from workers.account.profiles import list_profiles, unreadable_files
from workers.aws.profile_check import check
from workers.aws.session import boto_session
from workers.errors.tree import LocalProblem

GOOD = "\n[profile good]\nregion = eu-central-1\n"
KEYS = "[good]\naws_access_key_id = AKIAGOOD\naws_secret_access_key = SECRETSECRET\n"

FAULTS = {
    "a key twice": (
        "[profile bad]\nregion = a\nregion = b\n",
        "config, line 3: region is set twice in [profile bad].",
    ),
    "a key twice, written otherwise": (
        "[profile bad]\nregion = a\nRegion: b\n",
        "config, line 3: Region is set twice in [profile bad].",
    ),
    "a section twice": (
        "[profile bad]\nregion = a\n[profile bad]\noutput = json\n",
        "config, line 3: [profile bad] is there twice.",
    ),
    "a line that is nothing": (
        "[profile bad]\nregion = a\nSECRETSECRET\n",
        "config, line 3: it is neither a section nor a setting.",
    ),
    "a source that is missing": (
        "[profile bad]\nrole_arn = r\nsource_profile = gone\n",
        "[bad] takes its keys from the profile gone, and there is none in",
    ),
    "a circle": (
        "[profile bad]\nrole_arn = r\nsource_profile = b\n[profile b]\nrole_arn = r\nsource_profile = bad\n",
        "in a circle: bad from b from bad.",
    ),
    "itself without keys": (
        "[profile bad]\nrole_arn = r\nsource_profile = bad\n",
        "in a circle: bad from bad.",
    ),
    "a fault in its source": (
        "[profile bad]\nrole_arn = r\nsource_profile = b\n[profile b]\nregion = a\nregion = c\n",
        "config, line 6: region is set twice in [profile b].",
    ),
    "no source": ("[profile bad]\nrole_arn = r\n", "[bad] takes a role, but"),
    "two sources": (
        "[profile bad]\nrole_arn = r\nsource_profile = good\ncredential_source = Environment\n",
        "[bad] has both source_profile and credential_source",
    ),
    "an endpoint without a scheme": (
        "[profile bad]\nendpoint_url = localhost:4566\n",
        "The endpoint_url of [bad], localhost:4566, does not begin with http:// or https://.",
    ),
    "an endpoint without a scheme in services": (
        "[profile bad]\nservices = dev\n[services dev]\ns3 =\n  endpoint_url = 127.0.0.1:9000\n",
        "The endpoint_url of [bad], 127.0.0.1:9000, does not begin with http:// or https://.",
    ),
    "services that are missing": ("[profile bad]\nservices = dev\n", "has no section [services dev]."),
    "an SSO session that is missing": ("[profile bad]\nsso_session = corp\n", "has no section [sso-session corp]."),
    "one key": ("[profile bad]\naws_access_key_id = AKIA\n", "aws_secret_access_key is missing."),
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))

    def write(config: str | bytes, credentials: str | bytes = KEYS) -> None:
        for name, text in (("config", config), ("credentials", credentials)):
            (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    return write


def usable(name: str) -> None:
    check(name)
    backend = next(profile for profile in list_profiles() if profile.label == name)
    session = boto_session(backend)
    assert session.get_credentials().access_key == "AKIAGOOD"
    assert session.client("s3").meta.region_name == "eu-central-1"


@pytest.mark.parametrize("fault", FAULTS)
def test_the_fault_is_told_and_the_profile_beside_it_works(files, fault):
    config, words = FAULTS[fault]
    files(config + GOOD)
    with pytest.raises(LocalProblem) as told:
        check("bad")
    assert told.value.title == "The profile bad cannot be used"
    assert words in told.value.message
    assert "SECRET" not in str(told.value)
    usable("good")
    assert {"bad", "good"} <= {backend.label for backend in list_profiles()}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
        lambda text: b"junk before any section\n" + text.encode(),
    ],
    ids=["BOM", "CRLF", "both", "junk"],
)
def test_marks_and_line_ends_of_other_systems_do_not_matter(files, spoil):
    files(spoil(GOOD.lstrip()), spoil(KEYS))
    usable("good")


def test_lines_that_cannot_be_used_are_told_in_the_list(files, tmp_path):
    files("[profile bad]\nregion = a\nregion = b\n" + GOOD, KEYS + "SECRETSECRET\n")
    assert unreadable_files() == [
        f"{tmp_path / 'config'}, line 3: region is set twice in [profile bad].",
        f"{tmp_path / 'credentials'} cannot be read: line 4 is neither a section nor a setting.",
    ]


def test_what_botocore_allows_is_no_fault(files):
    files(
        "[default]\nregion = us-east-1\ns3 =\n  addressing_style = path\n  max_concurrent_requests = 4\n"
        "[profile self]\nrole_arn = r\nsource_profile = self\naws_access_key_id = A\naws_secret_access_key = B\n"
        "[profile chain]\nrole_arn = r\nsource_profile = good\n"
        "[profile web]\nrole_arn = r\nweb_identity_token_file = f\n"
        "[profile host]\nrole_arn = r\ncredential_source = Ec2InstanceMetadata\n"
        "[profile own]\nendpoint_url = https://vpce.example.com:8443/path\n" + GOOD
    )
    for name in ("default", "self", "chain", "web", "host", "own", "good", "never heard of"):
        check(name)
    assert unreadable_files() == []
