"""What to do next after an error whose code says little: by what AWS writes in it."""

from __future__ import annotations

import re

_HINTS = (
    (
        re.compile("decreases account's UnreservedConcurrentExecution below its minimum", re.IGNORECASE),
        "Reserve less, give back what another function has reserved, or ask AWS for more concurrent executions "
        "(Service Quotas, AWS Lambda); new accounts have few.",
    ),
    (
        re.compile("Provisioned Concurrency Configs cannot be applied to unpublished", re.IGNORECASE),
        "Publish a version and choose it, or an alias of it.",
    ),
    (
        re.compile("Requested Provisioned Concurrency should not be greater than", re.IGNORECASE),
        "Keep fewer environments warm, or reserve more first.",
    ),
    (
        re.compile("burstable performance of these instances", re.IGNORECASE),
        "Change the endpoint to another instance type, for example ml.m5.large, then scale it.",
    ),
    (
        re.compile("No scalable target registered|No scaling policy found|No scheduled action found", re.IGNORECASE),
        "It is not scaled any more, maybe because its endpoint was deleted: refresh, then set the limits first.",
    ),
    (
        re.compile(
            "(minimum|min) ?capacity.*(maximum|max) ?capacity|(maximum|max) ?capacity.*(minimum|min) ?capacity",
            re.IGNORECASE | re.DOTALL,
        ),
        "The minimum may not be above the maximum.",
    ),
    (re.compile("TargetValue"), "The target must be above 0: so many invocations per instance and minute."),
    (
        re.compile("Could not find endpoint", re.IGNORECASE),
        "It may have been deleted: refresh the list. Deploy a model to have one again.",
    ),
    (
        re.compile("Scheduled action must be in the future", re.IGNORECASE),
        "Choose a later time; it is that of the schedule's own time zone.",
    ),
    (
        re.compile("The schedule .* is not valid|Invalid schedule|ScheduleExpression", re.IGNORECASE),
        "For example at(2026-12-01T08:00:00), rate(1 hour) or cron(0 8 ? * MON-FRI *).",
    ),
    (re.compile("time ?zone", re.IGNORECASE), "Use a name of the IANA database, for example Europe/Berlin."),
)


def hint_of(words: str) -> str:
    """What to do next about AWS's ``words``; "" when there is nothing to say."""
    return next((hint for pattern, hint in _HINTS if pattern.search(words)), "")
