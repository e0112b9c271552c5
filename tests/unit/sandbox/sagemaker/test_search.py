"""Search and the tagging API: which of thousands of jobs carry which tags, in few calls."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.core.state import Database
from sandbox.sagemaker.records import Records, Tags
from sandbox.sagemaker.search import Search
from sandbox.sagemaker.tagging import TaggingService
from sandbox.wire.errors import AwsError
from sandbox.wire.messages import Caller
from sandbox.wire.validation import validate
from tests.helpers.calls import ask

NOW = 1_700_000_000.0
OPERATOR = Caller("arn:aws:iam::123456789012:user/operator", "123456789012", "AK")


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(tmp_path_factory.mktemp("search") / "test.db")
    fill(database, 3000)
    yield database
    database.close()


def fill(database: Database, count: int) -> None:
    jobs, tuning, tags = (
        Records(database, "training-job"),
        Records(database, "hyper-parameter-tuning-job"),
        Tags(database),
    )
    with database.transaction():
        for number in range(count):
            name, status = f"job-{number:04d}", "Failed" if number % 3 == 0 else "Completed"
            body = {
                "TrainingJobName": name,
                "TrainingJobArn": jobs.arn(name),
                "TrainingJobStatus": status,
                "CreationTime": NOW + number,
                "HyperParameters": {"epochs": str(number % 10), "opt.name": '"adam"'},
                "FinalMetricDataList": [{"MetricName": "valid:loss", "Value": number / 100, "Timestamp": NOW}],
                "InputDataConfig": [{"ChannelName": "training"}, {"ChannelName": "features"}],
                "_Private": 1,
            }
            jobs.add(name, body, status=status, created=NOW + number)
            tags.add(jobs.arn(name), [{"Key": "team", "Value": f"t{number % 4}"}, {"Key": "a.b", "Value": "dots"}])
        name = "tuned"
        body = {"HyperParameterTuningJobName": name, "HyperParameterTuningJobStatus": "Completed", "ParentBest": {}}
        tuning.add(name, body, status="Completed", created=NOW)
        tags.add(tuning.arn(name), [{"Key": "team", "Value": "t1"}])
        jobs.add("plain", {"TrainingJobName": "plain"}, status="Completed", created=NOW - 1)


def search(db: Database, *filters: tuple[str, ...], resource: str = "TrainingJob", **request: Any) -> dict[str, Any]:
    conditions = [dict(zip(("Name", "Operator", "Value"), given, strict=False)) for given in filters]
    expression = {"SearchExpression": {"Filters": conditions}} if conditions else {}
    asked = {"Resource": resource, **expression, **request}
    return Search(db).operations["Search"](validate("sagemaker", "Search", asked), OPERATOR)


def names(answer: dict[str, Any]) -> list[str]:
    return [result["TrainingJob"]["TrainingJobName"] for result in answer["Results"]]


def test_all_pages_come_in_order_with_their_tags(db: Database) -> None:
    found: list[dict[str, Any]] = []
    request: dict[str, Any] = {"MaxResults": 100, "SortBy": "CreationTime"}
    began = time.thread_time()
    while True:
        answer = search(db, ("Tags.team", "Equals", "t1"), **request)
        found += [result["TrainingJob"] for result in answer["Results"]]
        if "NextToken" not in answer:
            break
        request["NextToken"] = answer["NextToken"]
    assert [job["TrainingJobName"] for job in found] == [f"job-{number:04d}" for number in range(2997, 0, -4)]
    assert found[0]["Tags"] == [{"Key": "a.b", "Value": "dots"}, {"Key": "team", "Value": "t1"}]
    assert "_Private" not in found[0] and answer["TotalHits"] == {"Value": 750, "Relation": "EqualTo"}
    assert time.thread_time() - began < 15
    with pytest.raises(AwsError, match="NextToken"):
        search(db, ("Tags.team", "Equals", "t2"), **request)


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ([("TrainingJobName", "Contains", "JOB-000")], 10),
        ([("TrainingJobStatus", "Equals", "Failed")], 1000),
        ([("TrainingJobStatus", "Equals", "Failed"), ("Tags.team", "Equals", "t0")], 250),
        ([("TrainingJobStatus", "In", "Failed,Stopped")], 1000),
        ([("Tags.team", "Exists")], 3000),
        ([("Tags.team", "NotExists")], 1),
        ([("Tags.team", "NotEquals", "t0")], 2251),
        ([("Tags.a.b", "Equals", "dots")], 3000),
        ([("CreationTime", "GreaterThanOrEqualTo", "2023-11-14T22:13:20Z")], 3000),
        ([("CreationTime", "LessThan", "2023-11-14T22:13:20Z")], 1),
        ([("HyperParameters.epochs", "GreaterThan", "8")], 300),
        ([("HyperParameters.opt.name", "Equals", '"adam"')], 3000),
        ([("Metrics.valid:loss", "LessThan", "0.1")], 10),
        ([("InputDataConfig.ChannelName", "Equals", "features")], 3000),
        ([("NoSuchProperty", "Equals", "1")], 0),
    ],
)
def test_filters(db: Database, filters: list[tuple[str, ...]], count: int) -> None:
    assert search(db, *filters)["TotalHits"]["Value"] == count


def test_sorting_sub_expressions_and_the_other_kind(db: Database) -> None:
    order = {"SortBy": "Metrics.valid:loss", "SortOrder": "Ascending", "MaxResults": 3}
    assert names(search(db, ("Tags.team", "Exists"), **order)) == ["job-0000", "job-0001", "job-0002"]
    either = [{"Filters": [{"Name": "TrainingJobName", "Operator": "Equals", "Value": f"job-000{n}"}]} for n in (1, 2)]
    answer = search(db, SearchExpression={"SubExpressions": either, "Operator": "Or"}, SortBy="TrainingJobName")
    assert names(answer) == ["job-0002", "job-0001"]
    answer = search(db, ("Tags.team", "Equals", "t1"), resource="HyperParameterTuningJob")
    (tuned,) = answer["Results"]
    assert tuned["HyperParameterTuningJob"]["HyperParameterTuningJobName"] == "tuned"
    assert "ParentBest" not in tuned["HyperParameterTuningJob"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"Resource": "Pipeline"}, "not Pipeline"),
        ({"Resource": "Nothing"}, "enum value set"),
        ({"SearchExpression": {"Filters": [{"Name": "CreationTime", "Operator": "Equals"}]}}, "needs a Value"),
        ({"SearchExpression": {"Filters": [{"Name": "CreationTime", "Value": "yesterday"}]}}, "not a timestamp"),
        (
            {"SearchExpression": {"NestedFilters": [{"NestedPropertyName": "a", "Filters": [{"Name": "a"}]}]}},
            "NestedFilters",
        ),
    ],
)
def test_what_cannot_be_searched_is_refused(db: Database, request_: dict[str, Any], words: str) -> None:
    with pytest.raises(AwsError, match=words):
        search(db, **request_)


WRITES = (
    *("CreateTags", "DeleteTags", "TagResource", "UntagResource"),
    *("AddTagsToResource", "RemoveTagsFromResource"),
)
written: list[tuple[str, str, dict[str, Any]]] = []


def elsewhere(service: str, operation: str, request: dict[str, Any]) -> dict[str, Any]:
    """Another service's answer: an instance with a tag, a function with none."""
    if operation == "DescribeTags" and "NextToken" not in request:
        disk = {"ResourceType": "volume", "ResourceId": "vol-1", "Key": "team", "Value": "t1"}
        return {"Tags": [disk], "NextToken": "2"}
    if operation == "DescribeTags":
        return {"Tags": [{"ResourceType": "instance", "ResourceId": "i-1", "Key": "x", "Value": "1"}]}
    if operation == "DescribeParameters":
        return {"Parameters": [{"Name": name} for name in ("/model/size", "plain", "/aws/service/image")]}
    if operation == "ListTagsForResource" and service == "ssm":
        return {"TagList": [{"Key": "kept", "Value": "1"}] if request["ResourceId"] == "/model/size" else []}
    if operation in WRITES:
        written.append((service, operation, request))
    if operation == "ListFunctions":
        return {"Functions": [{"FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:f"}]}
    return {}


@pytest.fixture
def tagging(db: Database) -> TaggingService:
    service = TaggingService()
    context: Any = SimpleNamespace(
        state=SimpleNamespace(db=db),
        call=elsewhere,
        part=lambda _: SimpleNamespace(bucket_tags=lambda: {"b": {"team": "t1"}}),
    )
    service.start(context)
    return service


def resources(tagging: TaggingService, **request: Any) -> list[str]:
    found: list[str] = []
    while True:
        answer = ask(tagging, "GetResources", request)
        assert answer is not None
        found += [tagged["ResourceARN"].partition(":123456789012:")[2] for tagged in answer["ResourceTagMappingList"]]
        if not answer["PaginationToken"]:
            return found
        request["PaginationToken"] = answer["PaginationToken"]


def test_tagged_resources_are_found_by_type_and_tag(tagging: TaggingService) -> None:
    jobs = {"ResourceTypeFilters": ["sagemaker:training-job"], "ResourcesPerPage": 100}
    assert resources(tagging, **jobs) == [f"training-job/job-{number:04d}" for number in range(3000)]
    assert len(resources(tagging, **jobs, TagFilters=[{"Key": "team", "Values": ["t1", "t2"]}])) == 1500
    both = [{"Key": "team", "Values": ["t1"]}, {"Key": "a.b"}]
    assert len(resources(tagging, TagFilters=both)) == 750
    ours = resources(tagging, ResourceTypeFilters=["sagemaker", "ec2:instance"], ResourcesPerPage=100)
    assert ours[0] == "instance/i-1" and len(ours) == 3002
    assert resources(tagging, ResourceTypeFilters=["ec2"], ResourcesPerPage=1) == ["instance/i-1", "volume/vol-1"]
    assert resources(tagging, ResourceTypeFilters=["ec2"], TagFilters=[{"Key": "team"}]) == ["volume/vol-1"]
    assert ask(tagging, "GetResources", {"ResourceTypeFilters": ["s3"]})["ResourceTagMappingList"] == [
        {"ResourceARN": "arn:aws:s3:::b", "Tags": [{"Key": "team", "Value": "t1"}]}
    ]
    assert len(resources(tagging, ResourcesPerPage=100)) == 3005
    assert len(resources(tagging, ResourceTypeFilters=["sagemaker"], ResourcesPerPage=100)) == 3001
    arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/job-0007"
    (found,) = ask(tagging, "GetResources", {"ResourceARNList": [arn]})["ResourceTagMappingList"]
    assert found == {"ResourceARN": arn, "Tags": [{"Key": "a.b", "Value": "dots"}, {"Key": "team", "Value": "t3"}]}
    assert ask(tagging, "GetTagKeys", {})["TagKeys"] == ["a.b", "kept", "team", "x"]
    assert ask(tagging, "GetTagValues", {"Key": "team"})["TagValues"] == ["t0", "t1", "t2", "t3"]
    assert resources(tagging, ResourceTypeFilters=["ssm:parameter"]) == ["parameter/model/size"]
    with pytest.raises(AwsError, match="not of rds"):
        resources(tagging, ResourceTypeFilters=["rds:db"])
    with pytest.raises(AwsError, match="together with filters"):
        resources(tagging, ResourceARNList=[arn], TagFilters=both)


def test_many_resources_are_tagged_at_once(tagging: TaggingService, db: Database) -> None:
    arns = [f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}" for name in ("job-0001", "nobody")]
    answer = ask(tagging, "TagResources", {"ResourceARNList": arns, "Tags": {"x": "1"}})
    assert list(answer["FailedResourcesMap"]) == [arns[1]]
    assert {"Key": "x", "Value": "1"} in Tags(db).of(arns[0])
    ask(tagging, "UntagResources", {"ResourceARNList": arns[:1], "TagKeys": ["x"]})
    assert [tag["Key"] for tag in Tags(db).of(arns[0])] == ["a.b", "team"]


OURS = "us-east-1:123456789012"
GROUP = f"arn:aws:logs:{OURS}:log-group:/aws/lambda/f"
ALARM = f"arn:aws:cloudwatch:{OURS}:alarm:a"
FUNCTION = f"arn:aws:lambda:{OURS}:function:f"
PARAMETER = f"arn:aws:ssm:{OURS}:parameter/model/size"
DISK = f"arn:aws:ec2:{OURS}:volume/vol-1"


def test_each_service_writes_its_own_tags(tagging: TaggingService) -> None:
    written.clear()
    resources = [DISK, FUNCTION, ALARM, GROUP, PARAMETER]
    assert ask(tagging, "TagResources", {"ResourceARNList": resources, "Tags": {"x": "1"}})["FailedResourcesMap"] == {}
    assert ask(tagging, "UntagResources", {"ResourceARNList": resources, "TagKeys": ["x"]})["FailedResourcesMap"] == {}
    pairs, keys = [{"Key": "x", "Value": "1"}], ["x"]
    parameter = {"ResourceType": "Parameter", "ResourceId": "/model/size"}
    assert written == [
        ("ec2", "CreateTags", {"Resources": ["vol-1"], "Tags": pairs}),
        ("lambda", "TagResource", {"Resource": FUNCTION, "Tags": {"x": "1"}}),
        ("cloudwatch", "TagResource", {"ResourceARN": ALARM, "Tags": pairs}),
        ("logs", "TagResource", {"resourceArn": GROUP, "tags": {"x": "1"}}),
        ("ssm", "AddTagsToResource", {**parameter, "Tags": pairs}),
        ("ec2", "DeleteTags", {"Resources": ["vol-1"], "Tags": [{"Key": "x"}]}),
        ("lambda", "UntagResource", {"Resource": FUNCTION, "TagKeys": keys}),
        ("cloudwatch", "UntagResource", {"ResourceARN": ALARM, "TagKeys": keys}),
        ("logs", "UntagResource", {"resourceArn": GROUP, "tagKeys": keys}),
        ("ssm", "RemoveTagsFromResource", {**parameter, "TagKeys": keys}),
    ]


@pytest.mark.parametrize(
    "resource",
    [
        # A kind that its id is not of: who may tag volumes does not tag an instance by it.
        f"arn:aws:ec2:{OURS}:volume/i-1",
        "arn:aws:ec2:eu-west-1:123456789012:instance/i-1",
        "arn:aws:lambda:us-east-1:999999999999:function:f",
        f"arn:aws:rds:{OURS}:db:d",
        "no-arn-at-all",
    ],
)
def test_what_the_account_has_not_is_not_tagged(tagging: TaggingService, resource: str) -> None:
    written.clear()
    answer = ask(tagging, "TagResources", {"ResourceARNList": [resource], "Tags": {"x": "1"}})
    assert answer["FailedResourcesMap"][resource]["ErrorCode"] == "InvalidParameterException"
    assert written == []
