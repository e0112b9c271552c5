"""The kinds of things that the overview knows, and how they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "endpoint",
    "endpoint-config",
    "model",
    "parked-endpoint",
    "training-job",
    "tuning-job",
    "processing-job",
    "transform-job",
    "notebook",
    "instance",
    "volume",
    "address",
    "function",
    "scalable-target",
    "alarm",
    "bucket",
    "log-group",
    "role",
    "instance-profile",
    "security-group",
]
CostGroup = Literal["Endpoints", "EC2", "Training", "Other"]
COST_GROUPS: tuple[CostGroup, ...] = ("Endpoints", "EC2", "Training", "Other")


@dataclass(frozen=True)
class KindWords:
    """How a kind is called, which part of the cost chart it belongs to, and which tab opens it ("": none does)."""

    one: str
    many: str
    group: CostGroup
    tab: str = ""


KINDS: Mapping[Kind, KindWords] = {
    "endpoint": KindWords("Endpoint", "Endpoints", "Endpoints", "endpoints"),
    "endpoint-config": KindWords("Endpoint configuration", "Endpoint configurations", "Endpoints"),
    "model": KindWords("Model", "Models", "Endpoints"),
    "parked-endpoint": KindWords("Parked endpoint", "Parked endpoints", "Endpoints", "scaling"),
    "training-job": KindWords("Training job", "Training jobs", "Training", "training"),
    "tuning-job": KindWords("Tuning job", "Tuning jobs", "Training", "training"),
    "processing-job": KindWords("Processing job", "Processing jobs", "Training"),
    "transform-job": KindWords("Transform job", "Transform jobs", "Training"),
    "notebook": KindWords("Notebook", "Notebooks", "Other"),
    "instance": KindWords("EC2 instance", "EC2 instances", "EC2", "compute"),
    "volume": KindWords("Volume", "Volumes", "EC2"),
    "address": KindWords("Elastic address", "Elastic addresses", "EC2"),
    "function": KindWords("Function", "Functions", "Other", "endpoints"),
    "scalable-target": KindWords("Scalable target", "Scalable targets", "Other", "scaling"),
    "alarm": KindWords("Alarm", "Alarms", "Other"),
    "bucket": KindWords("Bucket", "Buckets", "Other", "data"),
    "log-group": KindWords("Log group", "Log groups", "Other"),
    "role": KindWords("Role", "Roles", "Other"),
    "instance-profile": KindWords("Instance profile", "Instance profiles", "Other"),
    "security-group": KindWords("Security group", "Security groups", "Other"),
}
ALL_KINDS: tuple[Kind, ...] = tuple(KINDS)
JOB_KINDS: tuple[Kind, ...] = ("training-job", "tuning-job", "processing-job", "transform-job")
