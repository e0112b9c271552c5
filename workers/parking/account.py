"""What is remembered in the account: found, read, understood and forgotten; and how an endpoint stands to it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from workers.aws.creating import ATTEMPT_TAG, surely
from workers.aws.session import AwsSession
from workers.endpoints.parked_tags import PARKED_TAG, parked_names
from workers.endpoints.service import Endpoints
from workers.errors.tree import InvalidInput, NotFound, SageDeckError
from workers.parking.memory import Memory, Unreadable, data_keys, milliseconds, token_key, unpack
from workers.parking.types import Parked, ParkedState
from workers.types import Endpoint

_TYPE = "sagemaker:endpoint-config"


class Remembered:
    """Reads the memories of one account. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession, endpoints: Endpoints) -> None:
        self._session, self._endpoints = session, endpoints
        # The search for tags is late by some seconds: what this program parked is looked at in any case.
        self.written: dict[str, None] = {}

    async def all(self, endpoints: Iterable[Endpoint]) -> tuple[Parked, ...]:
        """All that is remembered, by name; ``endpoints`` are those that there are.

        The search by tag (``tag:GetResources``) only says where to look; what is there is read from each configuration.
        """
        there = {endpoint.name: endpoint for endpoint in endpoints}
        pages = self._session.paginate(
            "resourcegroupstaggingapi",
            "get_resources",
            "ResourceTagMappingList",
            doing="look for parked endpoints",
            ResourceTypeFilters=[_TYPE],
            TagFilters=[{"Key": PARKED_TAG}],
        )
        arns = dict.fromkeys([item["ResourceARN"] async for item in pages]) | self.written
        found = await asyncio.gather(*(self._of_config(arn, there) for arn in arns))
        return tuple(sorted(chain.from_iterable(found), key=lambda parked: parked.name))

    async def _of_config(self, arn: str, there: Mapping[str, Endpoint]) -> list[Parked]:
        try:
            tags = await self.tags(arn)
        except NotFound:
            # The search still names what was deleted a moment ago.
            self.written.pop(arn, None)
            return []
        found = []
        for name in parked_names(tags):
            memory, problem = None, ""
            try:
                memory = unpack(name, tags)
            except Unreadable as error:
                problem = f"{error.title}. {error.message}"
            state = await self.state(memory, there.get(name), tags.get(token_key(name), ""))
            config = memory.config if memory is not None else arn.rsplit("/", 1)[-1]
            found.append(Parked(name, config, arn, state, memory, problem))
        return found

    async def state(self, memory: Memory | None, endpoint: Endpoint | None, token: str) -> ParkedState:
        if endpoint is None:
            return "parked"
        if memory is not None and milliseconds(endpoint.created) == memory.created:
            if endpoint.status == "Deleting":
                return "deleting"
            return "interrupted" if endpoint.config_name in ("", memory.config) else "changed"
        if token and token == (await self.tags(endpoint.arn)).get(ATTEMPT_TAG):
            return "resuming"
        return "changed"

    async def tags(self, arn: str) -> dict[str, str]:
        pages = self._session.paginate("sagemaker", "list_tags", "Tags", doing="read the tags", ResourceArn=arn)
        return {tag["Key"]: tag["Value"] async for tag in pages}

    async def memory(self, parked: Parked) -> tuple[Memory, str]:
        try:
            tags = await self.tags(parked.config_arn)
        except NotFound:
            raise config_gone(parked.name, parked.config) from None
        if parked.name not in parked_names(tags):
            raise NotFound(
                f"{parked.name} is not parked any more",
                "Nothing is remembered of it: somebody brought it back or forgot it.",
                "Refresh the list.",
            )
        return unpack(parked.name, tags), tags.get(token_key(parked.name), "")

    async def present(self, name: str) -> Endpoint | None:
        try:
            return await self._endpoints.describe(name)
        except NotFound:
            return None

    async def configuration(self, config: str, name: str, *, back: bool = False) -> dict[str, Any]:
        try:
            return await self.call("describe_endpoint_config", f"read {config}", EndpointConfigName=config)
        except NotFound:
            if back:
                raise config_gone(name, config) from None
            raise cannot(name, f"Its configuration {config} was deleted, so it could not come back.") from None

    async def check_models(self, memory: Memory) -> None:
        for model in memory.models:
            try:
                await self.call("describe_model", f"read {model}", ModelName=model)
            except NotFound:
                raise NotFound(
                    f"{memory.endpoint} could not come back",
                    f"Its model {model} was deleted from the account. Nothing was changed.",
                    "Deploy its training job again.",
                ) from None

    def call(self, operation: str, doing: str, **parameters: Any) -> Coroutine[Any, Any, dict[str, Any]]:
        return self._session.call("sagemaker", operation, doing=doing, **parameters)

    async def tag(self, arn: str, tags: Mapping[str, str], doing: str) -> None:
        """Set tags; the same a second time changes nothing."""

        async def send() -> dict[str, Any]:
            return await self.call("add_tags", doing, ResourceArn=arn, Tags=pairs(tags))

        await surely(send, send)

    async def untag(self, arn: str, keys: Sequence[str], doing: str) -> None:
        """Take tags away; those that are not there are no error."""

        async def send() -> dict[str, Any]:
            return await self.call("delete_tags", doing, ResourceArn=arn, TagKeys=list(keys))

        await surely(send, send)

    async def forget_tags(self, arn: str, name: str) -> None:
        try:
            tags = await self.tags(arn)
            keys = data_keys(name, tags)
            if not set(parked_names(tags)) - {name} and PARKED_TAG in tags:
                keys.append(PARKED_TAG)
            if keys:
                await self.untag(arn, keys, f"forget {name}")
        except NotFound:
            pass
        self.written.pop(arn, None)


def models_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    variants = [*config.get("ProductionVariants", ()), *config.get("ShadowProductionVariants", ())]
    return tuple(dict.fromkeys(variant["ModelName"] for variant in variants if variant.get("ModelName")))


def config_arn(endpoint: Endpoint) -> str:
    # SageMaker writes names in ARNs in small letters.
    return f"{endpoint.arn.split(':endpoint/')[0]}:endpoint-config/{endpoint.config_name.lower()}"


def pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def cannot(name: str, why: str) -> SageDeckError:
    return InvalidInput(f"{name} cannot be parked", why, "Nothing was changed.")


def config_gone(name: str, config: str) -> SageDeckError:
    return NotFound(
        f"{name} cannot come back",
        f"Its configuration {config} was deleted meanwhile, and what was remembered with it.",
        "Deploy its training job again.",
    )
