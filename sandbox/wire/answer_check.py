"""The test mode of answers: each one is read back by botocore and compared with its model and with what was given.

It is on when ``SAGEDECK_CHECK_ANSWERS`` names a file (``tests/conftest.py`` does). A deviation is written to that file
as one line and answered as AnswerNotInModel (500), so that whoever asked sees it, and so does a test that would not
look.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.awsrequest import HeadersDict
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape
from botocore.parsers import ResponseParserError, create_parser

from sandbox.wire.errors import AwsError
from sandbox.wire.messages import RestResponse

CODE = "AnswerNotInModel"
VARIABLE = "SAGEDECK_CHECK_ANSWERS"
# An answer that is wrong is wrong in every row.
MAX_PROBLEMS = 10
MAX_SHOWN = 200
_PARSERS = {"cbor": "smithy-rpc-v2-cbor"}
# XML has no form for these; whoever lists such keys without an encoding cannot read the answer, on AWS neither.
_UNREADABLE = re.compile(rb"&#([0-8]|1[124-9]|2\d|3[01]);")
# What AWS answers although its model does not have it: (shape, value).
_BESIDE_THE_MODEL = frozenset(
    {
        # EC2 API reference, InternetGatewayAttachment: "the state is available when attached to a VPC".
        ("AttachmentStatus", "available"),
        # EC2 API reference, Image: "the value is windows for Windows AMIs; otherwise blank".
        ("PlatformValues", "windows"),
        # S3 User Guide, "Listing objects in a versioning-enabled bucket": a version has the class it is stored in.
        *(
            ("ObjectVersionStorageClass", name)
            for name in ("STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "REDUCED_REDUNDANCY")
        ),
    }
)
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "timestamp": (int, float, datetime),
    "blob": (bytes,),
}


def wanted() -> bool:
    """Whether answers are checked."""
    return VARIABLE in os.environ


def check_members(model: OperationModel, given: Mapping[str, object]) -> None:
    """Compare what a service gave with the model of its output. Raises AnswerNotInModel (500)."""
    problems: list[str] = []
    shape = model.output_shape
    if shape is None:
        problems += [f"{name} is given, and the operation has no output" for name in given]
    else:
        streamed = _streamed(shape)
        _look(shape, {name: value for name, value in given.items() if name != streamed}, "", problems)
    _fail(model, problems)


def check_answer(model: OperationModel, protocol: str, given: Mapping[str, object], answer: RestResponse) -> None:
    """Compare what botocore reads in an answer with what the service gave. Raises AnswerNotInModel (500)."""
    problems: list[str] = []
    shape = model.output_shape
    if shape is not None:
        _compare_read_back(shape, protocol, given, answer, problems)
    _fail(model, problems)


def deviation_of(shape: StructureShape, error: AwsError, status: int, protocol: str) -> AwsError | None:
    """What is to be answered instead of an error that is not as its model says; None if it is."""
    problems: list[str] = []
    # S3 tells more about an error (``BucketName``) than its model does.
    given = {name: value for name, value in error.extra.items() if protocol != "s3" or name in shape.members}
    message = {name: error.message for name in shape.members if name.lower() == "message"}
    _look(shape, {**given, **message}, "", problems)
    if error.status_is_given and error.status != status:
        problems.append(f"the status is {error.status}, in the model {status}")
    return told(f"error {shape.name}", problems) if problems else None


def _fail(model: OperationModel, problems: list[str]) -> None:
    if problems:
        raise told(f"{model.service_model.service_name} {model.name}", problems)


def told(what: str, problems: list[str]) -> AwsError:
    """Write the problems of one answer to the file; the error that tells them."""
    text = f"{what}: {'; '.join(problems[:MAX_PROBLEMS])}"
    with open(os.environ[VARIABLE], "a", encoding="utf-8") as file:  # noqa: PTH123
        file.write(text.replace("\n", " ") + "\n")
    return AwsError(CODE, text, 500)


def _streamed(shape: StructureShape) -> str:
    """The member whose bytes are the body, or an empty string."""
    payload = str(shape.serialization.get("payload", ""))
    return payload if payload and shape.members[payload].type_name == "blob" else ""


def _look(shape: Shape, value: object, path: str, problems: list[str]) -> None:
    """Add what of ``value`` is not as ``shape`` says."""
    if isinstance(shape, StructureShape):
        _look_at_structure(shape, value, path, problems)
    elif isinstance(shape, ListShape):
        if not isinstance(value, list | tuple):
            problems.append(f"{path} is no list but {_shown(value)}")
            return
        for number, item in enumerate(value):
            _look(shape.member, item, f"{path}[{number}]", problems)
    elif isinstance(shape, MapShape):
        if not isinstance(value, dict):
            problems.append(f"{path} is no map but {_shown(value)}")
            return
        for name, item in value.items():
            _look(shape.key, name, f"{path} (key)", problems)
            _look(shape.value, item, f"{path}.{name}", problems)
    else:
        _look_at_scalar(shape, value, path, problems)


def _look_at_structure(shape: StructureShape, value: object, path: str, problems: list[str]) -> None:
    if getattr(shape, "is_document_type", False):
        return
    if not isinstance(value, dict):
        problems.append(f"{path} is no structure but {_shown(value)}")
        return
    payload = _streamed(shape)
    missing = [name for name in shape.required_members if value.get(name) is None and name != payload]
    problems += [f"{path}.{name} is missing" for name in missing]
    if shape.is_tagged_union and len(value) != 1:
        problems.append(f"{path} must have one member and has {len(value)}")
    for name, item in value.items():
        of = shape.members.get(name)
        if of is None:
            problems.append(f"{path}.{name} is not in {shape.name}")
        elif item is not None:
            _look(of, item, f"{path}.{name}", problems)


def _look_at_scalar(shape: Shape, value: object, path: str, problems: list[str]) -> None:
    kind = shape.type_name
    if kind == "boolean" or isinstance(value, bool):
        if kind != "boolean" or not isinstance(value, bool):
            problems.append(f"{path} is no {kind} but {_shown(value)}")
        return
    if not isinstance(value, _TYPES.get(kind, (object,))):
        problems.append(f"{path} is no {kind} but {_shown(value)}")
    elif isinstance(value, datetime) and value.tzinfo is None:
        problems.append(f"{path} is a time without a zone")
    elif kind == "string" and (allowed := getattr(shape, "enum", None)) and value not in allowed:
        if (shape.name, value) in _BESIDE_THE_MODEL:
            return
        problems.append(f"{path} is {_shown(value)}, which is none of {', '.join(allowed)[:MAX_SHOWN]}")


def _shown(value: object) -> str:
    return repr(value)[:MAX_SHOWN]


def _compare_read_back(
    shape: StructureShape, protocol: str, given: Mapping[str, object], answer: RestResponse, problems: list[str]
) -> None:
    streamed = _streamed(shape)
    body = None if streamed else answer.body
    if isinstance(body, bytes) and protocol in ("query", "ec2", "rest-xml") and _UNREADABLE.search(body):
        return
    # botocore's parser wants names of headers in any case, and leaves a stream as it is.
    headers: Any = HeadersDict(answer.headers)
    parser: Any = create_parser(_PARSERS.get(protocol, protocol))
    try:
        read = parser.parse({"status_code": answer.status, "headers": headers, "body": body}, shape)
    except (ResponseParserError, ValueError, TypeError, KeyError) as exc:
        problems.append(f"botocore cannot read it: {exc!r}")
        return
    for name, of in shape.members.items():
        if name != streamed and of.serialization.get("location") != "headers":
            _compare(of, given.get(name), read.get(name), name, problems)


def _compare(shape: Shape, given: object, read: object, path: str, problems: list[str]) -> None:
    """Add where what botocore read differs from what was given."""
    if given in (None, [], {}, ()) and read in (None, [], {}):
        # A protocol may have no form for "empty".
        return
    if isinstance(shape, StructureShape) and isinstance(given, dict) and isinstance(read, dict):
        if not getattr(shape, "is_document_type", False):
            for name, of in shape.members.items():
                _compare(of, given.get(name), read.get(name), f"{path}.{name}", problems)
    elif isinstance(shape, ListShape) and isinstance(given, list | tuple) and isinstance(read, list):
        if len(given) != len(read):
            problems.append(f"{path} has {len(given)} items, read were {len(read)}")
        for number, (said, other) in enumerate(zip(given, read, strict=False)):
            _compare(shape.member, said, other, f"{path}[{number}]", problems)
    elif isinstance(shape, MapShape) and isinstance(given, dict) and isinstance(read, dict):
        for name in given.keys() | read.keys():
            _compare(shape.value, given.get(name), read.get(name), f"{path}.{name}", problems)
    elif not _same(shape, given, read):
        problems.append(f"{path} is {_shown(given)}, read was {_shown(read)}")


def _same(shape: Shape, given: Any, read: Any) -> bool:
    if shape.type_name == "timestamp" and isinstance(read, datetime) and given is not None:
        moment = given if isinstance(given, datetime) else datetime.fromtimestamp(given, UTC)
        # Formats cut what is below a second or a millisecond.
        return abs((moment - read).total_seconds()) < 1
    if shape.type_name in ("float", "double") and given is not None and read is not None:
        return str(float(given)) == str(float(read))
    return bool(given == read)
