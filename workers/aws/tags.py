"""Who made a thing, by its tag; the tags of training and tuning jobs: of one job, and of all of them for a search."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping

from workers.aws.session import AwsSession

# The names of the Resource Groups Tagging API for what CreateTrainingJob and CreateHyperParameterTuningJob make.
RESOURCE_TYPES = ("sagemaker:training-job", "sagemaker:hyper-parameter-tuning-job")
PAGE_SIZE = 100
# The limits of SageMaker's Tag (API reference): lengths, characters, tags of one resource.
MOST_TAGS = 50
LONGEST_KEY, LONGEST_VALUE = 128, 256
_SIGNS = "_.:/=+-@"
RESERVED = "aws:"
# Whatever SageDeck makes and can tag carries this one; the first versions wrote the other one on roles and functions.
CREATED_BY, CREATOR = "sagedeck:created-by", "sagedeck"
_CREATED_BY_BEFORE = "created-by"
_ARN_NAME = re.compile(r"arn:[^:]+:sagemaker:[^:]*:[^:]*:(training-job|hyper-parameter-tuning-job)/(.+)")


def creator_tag() -> dict[str, str]:
    """The tag of what SageDeck makes, as AWS's lists of tags have it."""
    return {"Key": CREATED_BY, "Value": CREATOR}


def made_by_sagedeck(tags: Iterable[Mapping[str, str]]) -> bool:
    """Whether something with these tags (AWS's list) was made by SageDeck, of whatever version."""
    found = {tag["Key"]: tag["Value"] for tag in tags}
    return CREATOR in (found.get(CREATED_BY), found.get(_CREATED_BY_BEFORE))


class Tags:
    """Tags of one account's jobs. All errors are ``SageDeckError``."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    async def of(self, arn: str) -> dict[str, str]:
        """The tags of one job, by key."""
        found = self._session.paginate("sagemaker", "list_tags", "Tags", doing="read the tags", ResourceArn=arn)
        return {tag["Key"]: tag["Value"] async for tag in found}

    async def add(self, arn: str, tags: Mapping[str, str]) -> None:
        """Add tags to a job, or give those that it has another value."""
        given = [{"Key": key, "Value": value} for key, value in tags.items()]
        await self._session.call("sagemaker", "add_tags", doing="add the tags", ResourceArn=arn, Tags=given)

    async def remove(self, arn: str, keys: Collection[str]) -> None:
        """Take tags away from a job; keys that it does not have are ignored."""
        await self._session.call(
            "sagemaker", "delete_tags", doing="remove the tags", ResourceArn=arn, TagKeys=sorted(keys)
        )

    async def of_all_jobs(self) -> dict[str, dict[str, str]]:
        """The tags of every tagged training and tuning job by ARN: one call for 100 jobs, not one for each.

        Needs ``tag:GetResources``. What was tagged a moment ago may still be missing.
        """
        found = self._session.paginate(
            "resourcegroupstaggingapi",
            "get_resources",
            "ResourceTagMappingList",
            doing="search the tags",
            ResourceTypeFilters=list(RESOURCE_TYPES),
            ResourcesPerPage=PAGE_SIZE,
        )
        return {item["ResourceARN"]: {tag["Key"]: tag["Value"] for tag in item["Tags"]} async for item in found}


def job_of_arn(arn: str) -> tuple[str, str] | None:
    """``("job", name)`` or ``("tuning", name)`` of an ARN; ``None`` for anything else."""
    found = _ARN_NAME.fullmatch(arn)
    if found is None:
        return None
    return "job" if found[1] == "training-job" else "tuning", found[2]


def tag_problem(key: str, value: str) -> str | None:
    """What is wrong with one tag, in a sentence, or ``None``. No network."""
    if not key:
        return "The key is missing." if value else None
    if key.lower().startswith(RESERVED):
        return f"Keys that begin with {RESERVED} belong to AWS."
    for what, text, longest in (("key", key, LONGEST_KEY), ("value", value, LONGEST_VALUE)):
        if len(text) > longest:
            return f"The {what} has {len(text)} characters; at most {longest} are allowed."
        bad = next((char for char in text if not _allowed(char)), None)
        if bad is not None:
            return f"The {what} may have letters, digits, spaces and {_SIGNS} only, not “{bad}”."
    return None


def _allowed(char: str) -> bool:
    return char in _SIGNS or unicodedata.category(char)[0] in "LNZ"
