"""Pages of the lists of training and tuning jobs, which SageMaker asks for alike."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

Job_co = TypeVar("Job_co", covariant=True)
Job = TypeVar("Job")


class Page(Protocol[Job_co]):
    """Some jobs, and the token of the next page."""

    @property
    def jobs(self) -> Sequence[Job_co]:
        """The jobs of this page."""

    @property
    def token(self) -> str | None:
        """What asks for the next page; ``None`` on the last."""


def page_request(search: str, status: str | None, token: str | None, size: int) -> dict[str, object]:
    """The parameters for one page, newest first. ``search`` is a part of the name."""
    parameters: dict[str, Any] = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": size}
    if search:
        parameters["NameContains"] = search
    if status:
        parameters["StatusEquals"] = status
    if token:
        parameters["NextToken"] = token
    return parameters


async def every_job(page: Callable[[str | None], Awaitable[Page[Job]]]) -> AsyncIterator[Job]:
    """The jobs of all pages; the next one is read when it is needed. ``page`` reads one by its token."""
    token: str | None = None
    while True:
        read = await page(token)
        for job in read.jobs:
            yield job
        token = read.token
        if not token:
            return
