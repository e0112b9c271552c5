"""The tags of all jobs for the filter: read in one go, page by page, when somebody searches; knows no widget."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from console.tabs.training.rows import tag_words, trial_of
from workers.aws.tags import job_of_arn

if TYPE_CHECKING:
    from workers.services import Services

# A search every few seconds must not read thousands of tags anew each time.
KEEP_SECONDS = 300.0
TERM = "tag:"

Tags = Mapping[str, str]


class TagIndex:
    """Tags by ARN, without regard to case: SageMaker writes some ARNs in small letters, whatever the job's name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tags: dict[str, Tags] = {}
        self._names: dict[str, tuple[str, str]] = {}
        # What a filter looks into, in small letters: it is asked for thousands of jobs at every change of the list.
        self._texts: dict[str, tuple[str, str]] = {}
        self._read_at: float | None = None

    def clear(self) -> None:
        """Forget all, for another account."""
        for kept in (self._tags, self._names, self._texts):
            kept.clear()
        self._read_at = None

    def of(self, arn: str) -> Tags:
        """The tags known of a job."""
        return self._tags.get(arn.casefold(), {})

    def put(self, arn: str, tags: Tags) -> bool:
        """Take over what was read of one job; true when it is new."""
        job = job_of_arn(arn)
        if job is None or self._tags.get(arn.casefold(), {}) == tags:
            return False
        self._tags[arn.casefold()] = dict(tags)
        self._names[arn.casefold()] = job
        self._texts[arn.casefold()] = (job[1].casefold(), tag_words(tags).casefold())
        return True

    def forget(self, kind: str, name: str) -> None:
        """Leave out a job that does not exist."""
        for arn in [arn for arn, job in self._names.items() if job == (kind, name)]:
            del self._tags[arn], self._names[arn], self._texts[arn]

    @property
    def fresh(self) -> bool:
        """True while what was read need not be read again."""
        return self._read_at is not None and self._clock() - self._read_at < KEEP_SECONDS

    async def read(self, services: Services) -> bool:
        """Read the tags of all jobs, unless that was done lately; true when it was done now.

        Raises ``SageDeckError``, and does not try again before its time.
        """
        if self.fresh:
            return False
        self._read_at = self._clock()
        for arn, tags in (await services.tags.of_all_jobs()).items():
            self.put(arn, tags)
        return True

    def matching(self, text: str) -> list[tuple[str, str]]:
        """``("job" or "tuning", name)`` of the jobs whose tags (and name) have the words of a filter, by name.

        Trials inherit the tags of their tuning job and are left out for it. With a ``tag:`` among the words these
        alone decide: what else may stand in a row (a state, an instance type) is not known here.
        """
        words = search_words(text)
        if not words:
            return []
        tunings = {name for kind, name in self._names.values() if kind == "tuning"}
        found = [
            job
            for arn, job in self._names.items()
            if _fits(words, *self._texts[arn]) and trial_of(job[1]) not in tunings
        ]
        return sorted(found, key=lambda job: job[1], reverse=True)


def _fits(words: Sequence[str], name: str, tags: str) -> bool:
    # What the name alone answers is found by ListTrainingJobs, a hundred jobs a call.
    return all(word in name or word in tags for word in words) and not all(word in name for word in words)


def search_words(text: str) -> Sequence[str]:
    """The words of a filter that tags can answer."""
    words = text.casefold().split()
    return [word for word in words if word.startswith(TERM)] or words


def name_words(text: str) -> str:
    """A filter without its ``tag:`` words: what a name may be searched by."""
    return " ".join(word for word in text.split() if not word.casefold().startswith(TERM))
