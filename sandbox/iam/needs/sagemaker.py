"""What SageMaker's operations need."""

from __future__ import annotations

import re

from sandbox.core.account import arn
from sandbox.iam.needs.need import Names, Need, text
from sandbox.wire.call import Call

_KINDS = {
    "TrainingJob": "training-job",
    "HyperParameterTuningJob": "hyper-parameter-tuning-job",
    "EndpointConfig": "endpoint-config",
    "Endpoint": "endpoint",
    "Model": "model",
    "NotebookInstance": "notebook-instance",
    "NotebookInstanceLifecycleConfig": "notebook-instance-lifecycle-config",
    "ProcessingJob": "processing-job",
    "TransformJob": "transform-job",
}
_ONE_OF_A_KIND = re.compile(
    rf"(?:Create|Describe|Delete|Update|Start|Stop|ListTrainingJobsFor)({'|'.join(_KINDS)})(?:WeightsAndCapacities)?"
)
_OF_ANY_RESOURCE = frozenset({"AddTags", "ListTags", "DeleteTags"})
_OF_NO_RESOURCE = frozenset({"Search", *(f"List{kind}s" for kind in _KINDS)})


def sagemaker_needs(call: Call, names: Names) -> list[Need] | None:
    """Of the control plane. Roles that are handed on are asked about for all services alike."""
    action = f"sagemaker:{call.operation}"
    if call.operation in _OF_ANY_RESOURCE:
        return [Need(action, text(call, "ResourceArn"))]
    if call.operation in _OF_NO_RESOURCE:
        return [Need(action)]
    if call.operation == "CreatePresignedNotebookInstanceUrl":
        return [Need(action, _arn(call, "notebook-instance", "NotebookInstanceName"))]
    found = _ONE_OF_A_KIND.fullmatch(call.operation)
    if found is None:
        return None
    kinds = [found[1]]
    if call.operation in ("CreateNotebookInstance", "UpdateNotebookInstance") and text(call, "LifecycleConfigName"):
        # What runs in the instance with its role's permissions.
        name = text(call, "LifecycleConfigName")
        lifecycle = arn("sagemaker", f"notebook-instance-lifecycle-config/{name}", call.region)
        return [Need(action, _arn(call, _KINDS[found[1]], f"{found[1]}Name")), Need(action, lifecycle)]
    if call.operation in ("CreateEndpoint", "UpdateEndpoint"):
        kinds.append("EndpointConfig")
    return [Need(action, _arn(call, _KINDS[kind], f"{kind}Name")) for kind in kinds]


def runtime_needs(call: Call, names: Names) -> list[Need] | None:
    """Of InvokeEndpoint and InvokeEndpointAsync."""
    if call.operation not in ("InvokeEndpoint", "InvokeEndpointAsync"):
        return None
    return [Need(f"sagemaker:{call.operation}", _arn(call, "endpoint", "EndpointName"))]


def _arn(call: Call, kind: str, member: str) -> str:
    return arn("sagemaker", f"{kind}/{call.members.get(member)}", call.region)
