"""Links name one thing; what is no link is refused in a sentence; AWS's console has a page for most."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.links import Link, NoLink, console_url, name_in_link
from workers.inventory.kinds import ALL_KINDS

GOOD = "sagedeck://123456789012/us-east-1/endpoint/dogs"


def test_a_link_is_read() -> None:
    assert Link.read(f"  {GOOD}/ \n") == Link("123456789012", "us-east-1", "endpoint", "dogs")
    assert str(Link.read("SageDeck://123456789012/us-gov-west-1/log-group/%2Faws%2Fx")).endswith("/%2Faws%2Fx")


@given(st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=100), st.sampled_from(ALL_KINDS))
def test_every_name_survives_a_link(name: str, kind: str) -> None:
    link = Link("123456789012", "eu-central-1", kind, name)  # type: ignore[arg-type]
    assert Link.read(str(link)) == link


@pytest.mark.parametrize(
    "text",
    [
        "", "https://example.com", "sagedeck:", "sagedeck://", "sagedeck://1/us-east-1/endpoint/dogs",
        "sagedeck://123456789012/nowhere/endpoint/dogs", "sagedeck://123456789012/us-east-1/password/dogs",
        "sagedeck://123456789012/us-east-1/endpoint/", "sagedeck://123456789012/us-east-1/endpoint/a/b",
        "sagedeck://123456789012/us-east-1/endpoint/%ff", "sagedeck://123456789012/us-east-1/endpoint/%00",
        "sagedeck://123456789012/us-east-1/endpoint/a%0Ab", GOOD + "x" * 3000,
        "sagedeck://12345678901２/us-east-1/endpoint/dogs", GOOD.replace("us-east-1", "us-east-1\n"),
    ],
)  # fmt: skip
def test_what_is_no_link_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(NoLink, match=r"\.$"):
        Link.read(text)


@given(
    st.one_of(
        st.text(),
        st.builds(GOOD.replace, st.sampled_from([*GOOD]), st.text(max_size=3)),
        st.builds(lambda at, more: GOOD[:at] + more + GOOD[at:], st.integers(0, len(GOOD)), st.text(max_size=5)),
        st.builds(
            lambda rest: f"sagedeck://{rest}", st.text(st.sampled_from("/%?#&;:@.-\\\"'$`|<> 0aA\u202e\u2066\x00"))
        ),
    )
)
def test_whatever_comes_is_a_link_or_refused_in_words_without_it(text: str) -> None:
    try:
        link = Link.read(text)
    except NoLink as error:
        # What is told does not repeat what a stranger wrote.
        assert str(error).endswith(".") and len(str(error)) < 120
        return
    assert Link.read(str(link)) == link and link.kind in ALL_KINDS
    assert link.name.isprintable() and not any(char in str(link) for char in " \n\"'$`|<>\\;&")


@pytest.mark.parametrize(
    "text",
    [
        GOOD.replace("sagedeck://", "sagedesk://"),
        GOOD.replace("sagedeck://", "xxxxxxxxxxx"),
        GOOD[len("sagedeck://") :],
    ],
)
def test_a_link_of_another_program_is_told_by_its_beginning(text: str) -> None:
    with pytest.raises(NoLink, match="begins with sagedeck://"):
        Link.read(text)


@pytest.mark.parametrize(
    "kind, name, region, url",
    [
        ("endpoint", "dogs", "us-east-1",
         "https://us-east-1.console.aws.amazon.com/sagemaker/home?region=us-east-1#/endpoints/dogs"),
        ("instance", "i-1", "eu-central-1",
         "https://eu-central-1.console.aws.amazon.com/ec2/home?region=eu-central-1#InstanceDetails:instanceId=i-1"),
        ("log-group", "/aws/x", "us-east-1",
         "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1"
         "#logsV2:log-groups/log-group/$252Faws$252Fx"),
        ("function", "ask", "us-east-1",
         "https://us-east-1.console.aws.amazon.com/lambda/home?region=us-east-1#/functions/ask"),
        ("alarm", "a b", "us-east-1",
         "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#alarmsV2:alarm/a%20b"),
        ("bucket", "dogs", "cn-north-1",
         "https://cn-north-1.console.amazonaws.cn/s3/buckets/dogs?region=cn-north-1"),
        ("role", "R", "us-gov-west-1", "https://console.amazonaws-us-gov.com/iam/home#/roles/details/R"),
        ("parked-endpoint", "dogs", "us-east-1", ""),
    ],
)  # fmt: skip
def test_where_the_console_has_it(kind: str, name: str, region: str, url: str) -> None:
    assert console_url(kind, name, region) == url


def test_a_link_calls_things_as_people_do() -> None:
    assert name_in_link("instance", "trainer", "i-1") == "i-1"
    assert name_in_link("training-job", "dogs-1", "arn:aws:sagemaker:x") == "dogs-1"
    assert name_in_link("role", "R", "AROAX") == "R"
    assert name_in_link("bucket", "dogs", "") == "dogs"
