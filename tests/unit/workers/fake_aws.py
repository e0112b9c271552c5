"""A session that answers from functions of the test and checks every parameter against botocore's own models."""

from __future__ import annotations

import asyncio
import io
from functools import cache
from types import SimpleNamespace
from typing import Any

from botocore import session as botocore_session
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

from tests.helpers.sagemaker_jobs import archive
from workers.aws.meter import ReadMeter
from workers.errors.tree import translate


class Refused(Exception):
    """Raised by a handler: the service answers with this error."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        self.code, self.message, self.status = code, message, status


MISSING = Refused("ValidationException", "Could not find it.")


@cache
def _operations(service: str) -> Any:
    model = botocore_session.get_session().get_service_model(service)
    return {xform_name(name): model.operation_model(name) for name in model.operation_names}


class FakeSession:
    """Stands in for ``AwsSession``. ``handlers`` maps an operation to ``function(**parameters) -> answer``."""

    region = "us-east-1"

    def __init__(self, **handlers: Any) -> None:
        self.handlers = handlers
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.running = self.most_running = 0
        self.meter = ReadMeter()

    def made(self, operation: str) -> list[dict[str, Any]]:
        """The parameters of the calls of one operation."""
        return [parameters for name, parameters in self.calls if name == operation]

    @property
    def order(self) -> list[str]:
        """The operations that changed something, in order."""
        return [name for name, _ in self.calls if not name.startswith(("describe", "list", "get"))]

    async def call(self, service: str, operation: str, /, doing: str = "", **parameters: Any) -> Any:
        shape = _operations(service)[operation].input_shape
        if shape is not None:
            validate_parameters(parameters, shape)
        self.calls.append((operation, parameters))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(0)
            return self.handlers[operation](**parameters)
        except Refused as error:
            response = {"Error": {"Code": error.code, "Message": error.message}}
            response["ResponseMetadata"] = {"HTTPStatusCode": error.status}
            raise translate(ClientError(response, operation), doing or operation, service=service) from error
        finally:
            self.running -= 1

    async def run(self, doing: str, function: Any, /, *args: Any, service: str = "", **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except Refused as error:
            response = {"Error": {"Code": error.code, "Message": error.message}}
            response["ResponseMetadata"] = {"HTTPStatusCode": error.status}
            raise translate(ClientError(response, "Run"), doing, service=service) from error

    def client(self, service: str) -> Any:
        """A client whose operations are the handlers, for what a worker does in a thread; every model is in order."""
        whole = {"get_object": lambda **_: {"Body": io.BytesIO(archive({"code/inference.py": ""}))}}
        return SimpleNamespace(**(whole | self.handlers))

    async def paginate(self, service: str, operation: str, key: str, /, doing: str = "", **parameters: Any) -> Any:
        # The paginator's own: it is not sent as it is.
        parameters.pop("PaginationConfig", None)
        for item in (await self.call(service, operation, doing=doing, **parameters))[key]:
            yield item


class FakeRoles:
    """Roles that are there."""

    async def ensure_training_role(self, bucket: str) -> str:
        return f"arn:aws:iam::123456789012:role/SageDeckTraining-{bucket}"

    async def ensure_endpoint_role(self, bucket: str) -> str:
        return f"arn:aws:iam::123456789012:role/SageDeckEndpoint-{bucket}"
