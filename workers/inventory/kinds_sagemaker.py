"""SageMaker's kinds: how each is listed, and what is asked of one resource where the list does not tell its price."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.aws.times import utc, utc_of
from workers.endpoints.service import fleets_of
from workers.inventory.asking import PAGE, Asking
from workers.inventory.rates import Rates, job_rate, job_spans, machines_of, size_of
from workers.inventory.reader import Reader, made, never, not_kept
from workers.inventory.types import KINDS, Kind, Resource, Span
from workers.prices.billing import billed_fleets
from workers.types import Endpoint

SERVICE = "sagemaker"
_PAGES = {"PaginationConfig": {"PageSize": PAGE}}
RUNNING = frozenset({"InProgress", "Stopping"})
# kind: (operation, key, name, ARN, state, end)
_LISTS: Mapping[Kind, tuple[str, str, str, str, str, str]] = {
    "endpoint": ("list_endpoints", "Endpoints", "EndpointName", "EndpointArn", "EndpointStatus", ""),
    "endpoint-config": ("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName", "EndpointConfigArn", "", ""),
    "model": ("list_models", "Models", "ModelName", "ModelArn", "", ""),
    "training-job": ("list_training_jobs", "TrainingJobSummaries", "TrainingJobName", "TrainingJobArn",
                     "TrainingJobStatus", "TrainingEndTime"),
    "tuning-job": ("list_hyper_parameter_tuning_jobs", "HyperParameterTuningJobSummaries",
                   "HyperParameterTuningJobName", "HyperParameterTuningJobArn", "HyperParameterTuningJobStatus",
                   "HyperParameterTuningEndTime"),
    "processing-job": ("list_processing_jobs", "ProcessingJobSummaries", "ProcessingJobName", "ProcessingJobArn",
                       "ProcessingJobStatus", "ProcessingEndTime"),
    "transform-job": ("list_transform_jobs", "TransformJobSummaries", "TransformJobName", "TransformJobArn",
                      "TransformJobStatus", "TransformEndTime"),
    "notebook": ("list_notebook_instances", "NotebookInstances", "NotebookInstanceName", "NotebookInstanceArn",
                 "NotebookInstanceStatus", ""),
}  # fmt: skip
# These never cost anything themselves.
_FREE = frozenset({"endpoint-config", "model", "tuning-job"})
_DESCRIBE_JOB = {
    "training-job": ("describe_training_job", "TrainingJobName"),
    "processing-job": ("describe_processing_job", "ProcessingJobName"),
    "transform-job": ("describe_transform_job", "TransformJobName"),
}


def _reader(kind: Kind, wants: Any = never, detail: Any = None, keep: Any = not_kept) -> Reader:
    operation, key, name, arn, state, end = _LISTS[kind]

    async def listed(ask: Asking, rates: Rates) -> list[Resource]:
        items = await ask.all(SERVICE, operation, key, f"list the {KINDS[kind].many.lower()}", **_PAGES)
        return await ask.rows(items, _row)

    def _row(item: Mapping[str, Any]) -> Resource:
        status = item.get(state, "")
        pool = item.get("WarmPoolStatus", {}).get("Status", "")
        ended = utc_of(item, end) if end else None
        over = kind.endswith("job") and status not in RUNNING and pool != "Available"
        return made(
            kind,
            item[arn],
            item[name],
            status,
            created=utc(item["CreationTime"]),
            ended=ended,
            in_use=kind.endswith("job") and status in RUNNING,
            last_use=ended,
            use_known=kind.endswith("job"),
            dollars_per_hour=0.0 if kind in _FREE or over else None,
            size=item.get("InstanceType", ""),
            facts={
                "version": f"{status} {pool} {item.get('LastModifiedTime', '')}",
                "modified": str(item.get("LastModifiedTime", "")),
            },
        )

    return Reader(kind, listed, wants, detail, keep)


async def _endpoint(ask: Asking, rates: Rates, row: Resource) -> dict[str, Any]:
    answer = await ask.one(SERVICE, "describe_endpoint", f"read the endpoint {row.name}", EndpointName=row.name)
    config_name = answer.get("EndpointConfigName", "")
    # A configuration does not change while an endpoint uses it.
    config = await ask.once(
        (config_name, row.id),
        SERVICE,
        "describe_endpoint_config",
        f"read the configuration {config_name}",
        EndpointConfigName=config_name,
    )
    variants = config.get("ProductionVariants", [])
    types = {
        variant.get("VariantName", ""): variant.get("InstanceType", "")
        for variant in (*variants, *config.get("ShadowProductionVariants", ()))
    }
    count = sum(variant.get("InitialInstanceCount", 0) for variant in variants)
    first = next(iter(types.values()), "")
    endpoint = Endpoint(
        name=row.name,
        status=answer["EndpointStatus"],
        created=utc(answer["CreationTime"]),
        instance_type=first,
        instance_count=count,
        desired_count=count,
        fleets=fleets_of(answer, types),
    )
    serverless = any("ServerlessConfig" in variant for variant in variants)
    rate = 0.0 if serverless and not first else rates.prices.endpoint_per_hour(endpoint, rates.region)
    fleets = billed_fleets(endpoint)
    size = size_of(tuple((fleet.instance_type, fleet.current) for fleet in fleets)) or (
        "serverless" if serverless else ""
    )
    return {
        "state": answer["EndpointStatus"],
        "size": size or (size_of(((first, count),)) if first else ""),
        "dollars_per_hour": rate,
        "parts": (("endpoint-config", config["EndpointConfigArn"]),) if config else (),
        "spans": (Span(utc(answer["CreationTime"]), None, rate),),
        "facts": {**row.facts, "variants": ",".join(types), "config": config_name, "serverless": str(serverless)},
    }


async def _job(ask: Asking, rates: Rates, row: Resource) -> dict[str, Any]:
    operation, parameter = _DESCRIBE_JOB[row.kind]
    answer = await ask.one(SERVICE, operation, f"read the job {row.name}", **{parameter: row.name})
    spans = job_spans(answer, rates)
    bills = any(span.end is None for span in spans)
    # Until AWS says that the instances run, a running job is taken to bill.
    starting = row.state in RUNNING and not spans
    return {
        "size": size_of(machines_of(answer)),
        "dollars_per_hour": job_rate(answer, rates) if bills or starting else 0.0,
        "spans": spans,
        "facts": {**row.facts, "tuning": answer.get("TuningJobArn", ""), "role": answer.get("RoleArn", "")},
    }


async def _notebook(ask: Asking, rates: Rates, row: Resource) -> dict[str, Any]:
    answer = await ask.one(
        SERVICE, "describe_notebook_instance", f"read the notebook {row.name}", NotebookInstanceName=row.name
    )
    rate = rates.notebook(answer)
    running = answer.get("NotebookInstanceStatus") == "InService"
    # AWS tells the last change of its state, not the ones before.
    since = utc_of(answer, "LastModifiedTime") or row.created
    return {
        "size": f"{answer.get('InstanceType', '')}, {answer.get('VolumeSizeInGB', 5)} GB",
        "dollars_per_hour": rate,
        "spans": (Span(since, None, rate),) if since else (),
        "facts": {
            **row.facts,
            "role": answer.get("RoleArn", ""),
            "since": since.isoformat() if since and running else "",
            "disk_rate": str(rates.notebook({**answer, "NotebookInstanceStatus": "Stopped"}) or ""),
        },
    }


def _always(row: Resource) -> bool:
    return True


def _runs(row: Resource) -> bool:
    return row.dollars_per_hour is None


def _while_settled(row: Resource) -> float:
    """Whatever changes an endpoint's instances changes its state and its time of change as well."""
    return 300.0 if row.state in ("InService", "Failed") else 0.0


def _for_ever(row: Resource) -> float:
    return float("inf")


READERS: tuple[Reader, ...] = (
    _reader("endpoint", _always, _endpoint, _while_settled),
    _reader("training-job", _runs, _job, _for_ever),
    _reader("tuning-job"),
    _reader("processing-job", _runs, _job, _for_ever),
    _reader("transform-job", _runs, _job, _for_ever),
    _reader("notebook", _always, _notebook, _while_settled),
    _reader("endpoint-config"),
    _reader("model"),
)
