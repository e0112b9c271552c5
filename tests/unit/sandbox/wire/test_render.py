"""What is rendered from a model is what botocore reads back by it, in every protocol."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.parsers import create_parser

from sandbox.wire.answer_check import VARIABLE
from sandbox.wire.messages import FileBody, RestResponse
from sandbox.wire.models import operation_model, service_model
from sandbox.wire.render import render

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
# Its two lists of events have one name on the wire, so that nobody can tell them apart.
AMBIGUOUS = {"GetBucketNotification"}
SERVICES = [
    *(("ec2", "ec2"), ("iam", "query"), ("sts", "query"), ("cloudwatch", "query")),
    *(("cloudwatch", "json"), ("cloudwatch", "cbor"), ("resourcegroupstaggingapi", "json")),
    *(("sagemaker", "json"), ("logs", "json"), ("ssm", "json"), ("service-quotas", "json"), ("pricing", "json")),
    *(("lambda", "rest-json"), ("sagemaker-runtime", "rest-json"), ("s3", "rest-xml"), ("route53", "rest-xml")),
]


@pytest.fixture(autouse=True)
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """These answers are incomplete on purpose."""
    monkeypatch.delenv(VARIABLE)


def sample(shape: Shape, within: tuple[str, ...] = ()) -> Any:
    """A value with every member of ``shape``; a shape inside of itself stays empty."""
    if isinstance(shape, StructureShape):
        members = dict(list(shape.members.items())[:1]) if shape.is_tagged_union else shape.members
        inside = (*within, shape.name)
        return {} if shape.name in within else {name: sample(of, inside) for name, of in members.items()}
    if isinstance(shape, ListShape):
        return [sample(shape.member, within), sample(shape.member, within)]
    if isinstance(shape, MapShape):
        return {"k & <1>": sample(shape.value, within)}
    plain = {"timestamp": WHEN, "boolean": True, "integer": 7, "long": -7, "float": 1.5, "double": 0.25}
    if shape.type_name == "string":
        return (getattr(shape, "enum", None) or ['ä <&>" ]]>'])[0]
    return plain.get(shape.type_name, b"\x00\xff")


def read_back(operation: OperationModel, protocol: str, answer: RestResponse) -> dict[str, Any]:
    """The members that botocore finds in an answer."""
    parser: Any = create_parser("smithy-rpc-v2-cbor" if protocol == "cbor" else protocol)
    headers: Any = HeadersDict(answer.headers)
    parsed = parser.parse({"status_code": 200, "headers": headers, "body": answer.body}, operation.output_shape)
    parsed.pop("ResponseMetadata", None)
    return dict(parsed)


def in_the_body(operation: OperationModel, members: dict[str, Any]) -> dict[str, Any]:
    """Without what botocore takes from elsewhere: the status, and headers with a prefix."""
    shapes = operation.output_shape.members if operation.output_shape else {}
    elsewhere = {name for name, of in shapes.items() if of.serialization.get("location") in ("statusCode", "headers")}
    return {name: value for name, value in members.items() if name not in elsewhere}


@pytest.mark.parametrize(("service", "protocol"), SERVICES)
def test_botocore_reads_back_every_member_of_every_operation(service: str, protocol: str) -> None:
    for name in set(service_model(service).operation_names) - AMBIGUOUS:
        operation = operation_model(service, name)
        shape = operation.output_shape
        if shape is None or operation.has_event_stream_output:
            continue
        given = sample(shape)
        payload = shape.serialization.get("payload")
        if payload and not isinstance(shape.members[payload], StructureShape):
            given[payload] = "raw body"
        answer = render(service, name, protocol, given, "R")
        assert in_the_body(operation, read_back(operation, protocol, answer)) == in_the_body(operation, given), name


def test_ec2_lists_are_items_and_the_request_id_stands_beside_them() -> None:
    answer = render("ec2", "DescribeKeyPairs", "ec2", {"KeyPairs": [{"KeyName": "a"}, {"KeyName": "b"}]}, "R1")
    assert answer.body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<DescribeKeyPairsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15"><requestId>R1</requestId>'
        b"<keySet><item><keyName>a</keyName></item><item><keyName>b</keyName></item></keySet>"
        b"</DescribeKeyPairsResponse>"
    )


def test_query_answers_have_their_wrapper_and_metadata() -> None:
    answer = render("sts", "GetCallerIdentity", "query", {"Account": "1", "Arn": None, "Nonsense": 5}, "R1")
    assert answer.body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n'
        b'<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        b"<Account>1</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>R1</RequestId></ResponseMetadata>"
        b"</GetCallerIdentityResponse>"
    )


def test_an_operation_without_output_has_no_body_in_json_and_only_metadata_in_query() -> None:
    assert render("sagemaker", "DeleteModel", "json", None, "R").body == b""
    assert b"Result" not in bytes(render("iam", "DeleteRole", "query", None, "R").body)  # type: ignore[arg-type]


def test_rest_statuses_headers_and_prefixed_headers_come_from_the_model() -> None:
    members = {"ETag": '"e"', "LastModified": 0, "Metadata": {"a": "b"}, "DeleteMarker": False, "ContentLength": 3}
    answer = render("s3", "HeadObject", "rest-xml", members, "R")
    assert answer.headers == {
        "ETag": '"e"',
        "Last-Modified": "Thu, 01 Jan 1970 00:00:00 GMT",
        "x-amz-meta-a": "b",
        "x-amz-delete-marker": "false",
        "Content-Length": "3",
    }
    assert render("s3", "DeleteObject", "rest-xml", {}, "R").status == 204
    assert render("lambda", "Invoke", "rest-json", {"StatusCode": 202, "Payload": b""}, "R").status == 202


def test_a_body_that_is_a_file_is_handed_through_untouched() -> None:
    body = FileBody(None, 0, 5)  # type: ignore[arg-type]
    assert render("s3", "GetObject", "rest-xml", {"Body": body}, "R").body is body


def test_the_root_and_the_attributes_of_s3_are_written() -> None:
    grants = {"Grants": [{"Grantee": {"ID": "i", "Type": "CanonicalUser"}, "Permission": "READ"}]}
    answer = render("s3", "GetBucketAcl", "rest-xml", grants, "R", 'AccessControlPolicy xmlns="urn:s3"')
    assert answer.body == (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<AccessControlPolicy xmlns="urn:s3"><AccessControlList><Grant>'
        b'<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser"><ID>i</ID></Grantee>'
        b"<Permission>READ</Permission></Grant></AccessControlList></AccessControlPolicy>"
    )


@pytest.mark.parametrize(("service", "text"), [("s3", "05.678Z"), ("ec2", "05.678Z"), ("iam", "05Z")])
def test_times_have_milliseconds_where_aws_writes_them(service: str, text: str) -> None:
    moment = WHEN.replace(microsecond=678_999)
    operation, protocol, members = {
        "s3": ("ListBuckets", "rest-xml", {"Buckets": [{"CreationDate": moment}]}),
        "ec2": ("DescribeVolumes", "ec2", {"Volumes": [{"CreateTime": moment.timestamp()}]}),
        "iam": ("GetRole", "query", {"Role": {"CreateDate": moment}}),
    }[service]
    assert text in bytes(render(service, operation, protocol, members, "R").body).decode()  # type: ignore[arg-type]


def test_a_number_that_json_does_not_have_is_a_text_as_in_smithys_documents() -> None:
    members = {"Datapoints": [{"Sum": float("inf"), "Average": float("nan"), "Minimum": 1.5}]}
    answer = render("cloudwatch", "GetMetricStatistics", "json", members, "R")
    assert answer.body == b'{"Datapoints":[{"Sum":"Infinity","Average":"NaN","Minimum":1.5}]}'
    answer = render("cloudwatch", "GetMetricStatistics", "query", members, "R")
    assert b"<Sum>Infinity</Sum><Average>NaN</Average>" in bytes(answer.body)  # type: ignore[arg-type]


def test_query_answers_are_read_by_botocore() -> None:
    result = {"EvaluationResults": [{"EvalActionName": "s3:<x>", "EvalDecision": "allowed"}], "IsTruncated": False}
    answer = render("iam", "SimulatePrincipalPolicy", "query", result, "R")
    assert read_back(operation_model("iam", "SimulatePrincipalPolicy"), "query", answer) == result
