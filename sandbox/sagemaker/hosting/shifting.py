"""Blue/green updates of an endpoint: how traffic goes over to the new instances, and when it comes back.

Source: SageMaker Developer Guide, "Deployment guardrails" (all at once, canary, linear; auto-rollback by alarms).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.sagemaker.training.request import invalid

# How soon a deletion is heard.
_LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Shift:
    """Shares of the traffic (0 to 1) that the new instances get one after the other, each with the seconds that it is
    watched for, and the alarms that bring everything back.
    """

    steps: tuple[tuple[float, float], ...] = ((1.0, 0.0),)
    alarms: tuple[str, ...] = ()


def shift_of(deployment: Mapping[str, Any] | None, instances: int, factor: float) -> Shift:
    """The shift that a DeploymentConfig asks for; waits are in seconds of the clock.

    ``instances``: of the new deployment. Raises ValidationException for what the sandbox does not do.
    """
    if not deployment:
        return Shift()
    if deployment.get("RollingUpdatePolicy"):
        raise invalid("The sandbox does not offer rolling updates; use a blue/green policy.")
    alarms = (deployment.get("AutoRollbackConfiguration") or {}).get("Alarms") or []
    names = tuple(alarm["AlarmName"] for alarm in alarms)
    policy = deployment.get("BlueGreenUpdatePolicy")
    if not policy:
        return Shift(alarms=names)
    routing = policy["TrafficRoutingConfiguration"]
    wait = routing["WaitIntervalInSeconds"] / factor
    last = policy.get("TerminationWaitInSeconds", 0) / factor
    kind = routing["Type"]
    if kind == "ALL_AT_ONCE":
        return Shift(((1.0, max(wait, last)),), names)
    member, most = ("CanarySize", 0.5) if kind == "CANARY" else ("LinearStepSize", 0.5)
    size = routing.get(member)
    if not size:
        raise invalid(f"{member} is required for the traffic routing type {kind}.")
    share = size["Value"] / 100 if size["Type"] == "CAPACITY_PERCENT" else size["Value"] / max(1, instances)
    if not 0 < share <= most:
        raise invalid(f"{member} must be at most {most:.0%} of the capacity of the new deployment.")
    if kind == "CANARY":
        return Shift(((share, wait), (1.0, last)), names)
    count = 1
    steps = []
    while share * count < 1:
        steps.append((share * count, wait))
        count += 1
    return Shift((*steps, (1.0, last)), names)


def carry_out(
    shift: Shift,
    route: Callable[[float], None],
    alarmed: Callable[[str], bool],
    pause: Callable[[float], bool],
    now: Callable[[], float],
) -> str | None:
    """Go through the steps; None when all were gone through, else why the old instances have all traffic again.

    ``route`` gives the new instances a share; ``pause`` waits so many seconds and is True when the update is called
    off; ``now`` is a clock in seconds.
    """
    for share, seconds in shift.steps:
        route(share)
        end = now() + seconds
        while True:
            ringing = [name for name in shift.alarms if alarmed(name)]
            if ringing:
                route(0.0)
                return f"One or more configured alarms have been in ALARM state: {', '.join(ringing)}."
            left = end - now()
            if left <= 0:
                break
            if pause(min(left, _LOOK_SECONDS)):
                route(0.0)
                return "The update was called off."
    return None
