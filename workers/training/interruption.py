"""Taking the instances of a spot job away, where a backend does so when it is asked: AWS does it when it wants to.

Such a backend says so (``Backend.interrupts_spot``) and takes a tag of this key on the job for the order.
"""

from __future__ import annotations

from workers.types import Backend, TrainingJob

INTERRUPT_TAG, INTERRUPT_VALUE = "sagedeck:interrupt", "now"


def can_interrupt(backend: Backend, job: TrainingJob) -> bool:
    """Whether this job's instances can be taken away now."""
    return (
        backend.interrupts_spot
        and job.spot
        and job.status == "InProgress"
        and job.secondary_status == "Training"
        and job.place == "sagemaker"
    )
