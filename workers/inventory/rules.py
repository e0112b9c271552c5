"""The rules by which something is taken to be idle, with thresholds that can be changed."""

from __future__ import annotations

from workers.inventory.types import IdleRule

DEFAULT_RULES: tuple[IdleRule, ...] = (
    IdleRule(
        "endpoint-unused",
        "endpoint",
        "Endpoint without requests",
        "No request for {value} hours.",
        24,
        "hours",
        1,
        14 * 24,
        "park",
        needs_metrics=True,
    ),
    IdleRule(
        "instance-low-use",
        "instance",
        "Instance with low use (Trusted Advisor)",
        "CPU at most 10 % and network at most 5 MB a day on {value} of the last 14 days.",
        4,
        "days",
        1,
        14,
        "stop",
        needs_metrics=True,
    ),
    IdleRule(
        "instance-quiet-hour",
        "instance",
        "Instance quiet for an hour",
        "CPU under {value} % in the whole last hour.",
        5,
        "%",
        1,
        50,
        "stop",
        needs_metrics=True,
    ),
    IdleRule(
        "notebook-open",
        "notebook",
        "Notebook open for long",
        "Nothing in Jupyter's log for {value} hours, or InService that long where there is no log. "
        "AWS does not tell whether a kernel runs.",
        12,
        "hours",
        1,
        14 * 24,
        "stop",
    ),
    IdleRule(
        "volume-unattached",
        "volume",
        "Volume attached to nothing",
        "Attached to no instance, for at least {value} hours since it was made.",
        1,
        "hours",
        0,
        14 * 24,
        "delete",
    ),
    IdleRule(
        "address-unattached",
        "address",
        "Elastic address attached to nothing",
        "Attached to no instance.",
        0,
        "",
        0,
        0,
        "release",
    ),
    IdleRule(
        "parked-long",
        "parked-endpoint",
        "Endpoint parked for long",
        "Parked for {value} days; its model stays in S3.",
        30,
        "days",
        1,
        365,
        "delete",
    ),
    IdleRule(
        "log-kept-forever",
        "log-group",
        "Log group kept for ever",
        "No retention: what is written stays and is paid for. Set to {value} days.",
        30,
        "days",
        1,
        3653,
        "set_retention",
    ),
)

# PutRetentionPolicy's retentionInDays.
RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


def value_problem(rule: IdleRule, value: float) -> str | None:
    """What is wrong with a threshold, in a sentence, or ``None``. No network."""
    if not rule.least <= value <= rule.most:
        return f"It must be between {rule.least:g} and {rule.most:g} {rule.unit}."
    if rule.action == "set_retention" and value not in RETENTIONS:
        nearest = min(RETENTIONS, key=lambda number: abs(number - value))
        return f"CloudWatch Logs keeps lines for certain numbers of days only; the nearest is {nearest}."
    return None
