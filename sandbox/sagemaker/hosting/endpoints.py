"""Endpoints: their operations, and the work behind each status."""

from __future__ import annotations

import random
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.billing.quotas import ENDPOINT, Quotas
from sandbox.containers.process import spawn
from sandbox.context import SandboxContext
from sandbox.core.settings import time_factor
from sandbox.logs.pump import LogPump
from sandbox.metrics.alarms import Alarms
from sandbox.roles.access import RoleLogs, RoleS3
from sandbox.roles.keys import RoleKeys
from sandbox.s3.inside import S3
from sandbox.sagemaker.hosting.container import container_of
from sandbox.sagemaker.hosting.fleet import (
    DRAIN_SECONDS,
    STARTUP_SECONDS,
    Fleet,
    FleetError,
    FleetTools,
    Variant,
)
from sandbox.sagemaker.hosting.link import HostListener
from sandbox.sagemaker.hosting.metrics import Serving
from sandbox.sagemaker.hosting.models import Models
from sandbox.sagemaker.hosting.shifting import Shift, carry_out, shift_of
from sandbox.sagemaker.hosting.utilization import Running
from sandbox.sagemaker.records import Records, Tags
from sandbox.sagemaker.training.request import invalid
from sandbox.service import Operation
from sandbox.wire.messages import Caller

if TYPE_CHECKING:
    from mypy_boto3_sagemaker.type_defs import (
        CreateEndpointInputTypeDef,
        DeleteEndpointInputTypeDef,
        DescribeEndpointInputTypeDef,
        ListEndpointsInputTypeDef,
        UpdateEndpointInputTypeDef,
        UpdateEndpointWeightsAndCapacitiesInputTypeDef,
    )


# Kept in the record, left out of the answers.
_PENDING = "PendingDeploymentSummary"
_DEPLOYMENT = "_Deployment"
_LAST_DEPLOYMENT = "LastDeploymentConfig"
_SUMMARY = ("EndpointName", "EndpointArn", "CreationTime", "LastModifiedTime", "EndpointStatus")


class LiveEndpoint:
    """An endpoint of this process: its record, its fleet, and the one piece of work that changes it."""

    def __init__(self, name: str, record: dict[str, Any]) -> None:
        self.name = name
        self.record = record
        self.fleet: Fleet | None = None
        # The fleet of an update, and its share of the traffic.
        self.trial: tuple[Fleet, float] | None = None
        self.lock = threading.RLock()
        self.deleting = threading.Event()
        self.work: threading.Thread | None = None
        # Instances by type that count against the account's quota; those of an update are counted before they are up.
        self.reserved: Counter[str] = Counter()

    def choose(self) -> Fleet | None:
        """The fleet that answers the next request."""
        fleet, trial = self.fleet, self.trial
        return trial[0] if trial is not None and random.random() < trial[1] else fleet


class Endpoints:
    """All endpoints of the sandbox. ``live`` finds one for an invocation."""

    def __init__(self, ctx: SandboxContext, logs: LogPump, models: Models) -> None:
        self._ctx = ctx
        self._models = models
        self.region = ctx.region
        self._factor = time_factor()
        self.records = Records(ctx.state.db, "endpoint")
        self._tags = Tags(ctx.state.db)
        self._quotas = Quotas(ctx.state.db)
        self._listener = HostListener()
        self._lock = threading.RLock()
        self._live: dict[str, LiveEndpoint] = {}
        self._closed = False
        # Asked before an endpoint is deleted, with its name; whoever raises refuses.
        self.on_delete: list[Callable[[str, Caller], None]] = []
        self.tools = FleetTools(
            listener=self._listener,
            logs=lambda role: RoleLogs(logs, ctx.access, role, ctx.region),
            s3=lambda role: RoleS3(ctx.part(S3), ctx.access, role),
            cache=ctx.state.path / "cache",
            spawn=lambda name, command: spawn(ctx, "endpoint", name, command),
            keys=self._keys,
            tmp_name=ctx.processes.tmp_name,
            forget_tmp=ctx.processes.forget_tmp,
        )
        self.operations: dict[str, Operation] = {
            "CreateEndpoint": self._create,
            "DescribeEndpoint": self._describe,
            "ListEndpoints": self._list,
            "UpdateEndpoint": self._update,
            "UpdateEndpointWeightsAndCapacities": self._update_weights,
            "DeleteEndpoint": self._delete,
        }

    def recover(self) -> None:
        """Bring the endpoints of a former sandbox back, and finish what it was deleting."""
        for folder in self._ctx.state.endpoints.iterdir():
            shutil.rmtree(folder, ignore_errors=True)
        for record in self.records.all():
            name, status = record["EndpointName"], record["EndpointStatus"]
            if status == "Deleting":
                self.records.delete(name)
            elif status != "Failed":
                endpoint = self._adopt(name, record, [Variant(**variant) for variant in record.get(_DEPLOYMENT, [])])
                if status == "Updating":
                    self._save(endpoint, "InService")
                self._work(endpoint, self._bring_up)

    def close(self) -> None:
        """End all instances; the records stay as they are."""
        with self._lock:
            self._closed = True
            endpoints = list(self._live.values())
        closers = [threading.Thread(target=self._end, args=(endpoint,), daemon=True) for endpoint in endpoints]
        for thread in closers:
            thread.start()
        for thread in closers:
            thread.join(timeout=15)
        self._listener.close()

    def busy(self) -> bool:
        """True while an endpoint is being made, changed or deleted."""
        with self._lock:
            return any(endpoint.work is not None and endpoint.work.is_alive() for endpoint in self._live.values())

    def live(self, name: str) -> LiveEndpoint | None:
        """The endpoint of this name, or None."""
        return self._live.get(name)

    def serving(self) -> list[Serving]:
        """What the variants of all endpoints do now."""
        return [
            Serving(name, variant.name, variant.ready(), sum(instance.waiting for instance in variant.instances))
            for name, variant in self._all_variants()
        ]

    def running(self) -> list[Running]:
        """The processes and folders of all variants."""
        return [
            Running(
                endpoint=fleet.endpoint,
                variant=variant.name,
                instance_type=variant.instance_type,
                pids=tuple(instance.pid for instance in variant.instances if instance.pid),
                folder=fleet.folder_of(variant),
            )
            for fleet in self._fleets()
            for variant in fleet.variants.values()
        ]

    def _fleets(self) -> list[Fleet]:
        with self._lock:
            return [endpoint.fleet for endpoint in self._live.values() if endpoint.fleet is not None]

    def _all_variants(self) -> list[tuple[str, Variant]]:
        return [(fleet.endpoint, variant) for fleet in self._fleets() for variant in fleet.variants.values()]

    def describe(self, name: str) -> dict[str, Any]:
        """The Describe answer of an endpoint; ValidationException when there is none."""
        record = self.records.get(name)
        if record is None:
            raise invalid(f'Could not find endpoint "{self.records.arn(name)}".')
        return {member: value for member, value in record.items() if member != _DEPLOYMENT}

    def _create(self, request: CreateEndpointInputTypeDef, _caller: Caller) -> dict[str, Any]:
        name, arn, now = request["EndpointName"], self.records.arn(request["EndpointName"]), time.time()
        variants = self._variants(request["EndpointConfigName"])
        record = {
            "EndpointName": name,
            "EndpointArn": arn,
            "EndpointConfigName": request["EndpointConfigName"],
            "EndpointStatus": "Creating",
            "CreationTime": now,
            "LastModifiedTime": now,
            "ProductionVariants": [_variant_summary(variant, 0) for variant in variants],
            _DEPLOYMENT: [variant.to_record() for variant in variants],
        }
        # Under the lock, so that two requests at once cannot both have the last instance.
        with self._lock:
            with self._ctx.state.db.transaction():
                if not self.records.add(name, record, status="Creating", created=now):
                    raise invalid(f'Cannot create already existing endpoint "{arn}".')
                self._tags.add(arn, request.get("Tags", []))
                self._quotas.require(ENDPOINT, _instances(variants), self._in_use())
            endpoint = self._adopt(name, record, variants)
        self._work(endpoint, self._bring_up)
        return {"EndpointArn": arn}

    def _describe(self, request: DescribeEndpointInputTypeDef, _caller: Caller) -> dict[str, Any]:
        return self.describe(request["EndpointName"])

    def _list(self, request: ListEndpointsInputTypeDef, _caller: Caller) -> dict[str, Any]:
        found, token = self.records.page(
            request, lambda record: {member: record[member] for member in _SUMMARY}, sort_order="Descending"
        )
        return {"Endpoints": found} | ({"NextToken": token} if token else {})

    def _update(self, request: UpdateEndpointInputTypeDef, _caller: Caller) -> dict[str, Any]:
        endpoint = self._in_service(request["EndpointName"])
        config = request["EndpointConfigName"]
        variants = self._variants(config)
        if request.get("RetainAllVariantProperties") and endpoint.fleet is not None:
            new = {excluded["VariantPropertyType"] for excluded in request.get("ExcludeRetainedVariantProperties", [])}
            for variant in variants:
                old = endpoint.fleet.variants.get(variant.name)
                if old is not None:
                    variant.count = variant.count if "DesiredInstanceCount" in new else old.count
                    variant.weight = variant.weight if "DesiredWeight" in new else old.weight
        deployment = request.get("DeploymentConfig")
        if request.get("RetainDeploymentConfig"):
            deployment = endpoint.record.get(_LAST_DEPLOYMENT)
        shift = shift_of(deployment, sum(variant.count for variant in variants), self._factor)
        # The old instances serve until the new ones do, so both count.
        self._begin_update(endpoint, _instances(variants), config)
        endpoint.record |= {_LAST_DEPLOYMENT: deployment} if deployment else {}
        self._work(endpoint, lambda endpoint: self._replace(endpoint, config, variants, shift))
        return {"EndpointArn": self.records.arn(endpoint.name)}

    def _update_weights(
        self, request: UpdateEndpointWeightsAndCapacitiesInputTypeDef, _caller: Caller
    ) -> dict[str, Any]:
        endpoint = self._in_service(request["EndpointName"])
        fleet = endpoint.fleet
        if fleet is None:
            raise invalid(f'Cannot update in-progress endpoint "{self.records.arn(endpoint.name)}".')
        changes = request["DesiredWeightsAndCapacities"]
        for change in changes:
            if change["VariantName"] not in fleet.variants:
                raise invalid(f"The endpoint has no production variant {change['VariantName']}.")
            if change.get("DesiredInstanceCount", 1) < 1:
                raise invalid("DesiredInstanceCount must be at least 1.")
        more: Counter[str] = Counter()
        for change in changes:
            variant = fleet.variants[change["VariantName"]]
            if variant.instance_type:
                more[variant.instance_type] += max(0, change.get("DesiredInstanceCount", 0) - variant.count)
        self._begin_update(endpoint, more)
        self._work(endpoint, lambda endpoint: self._rescale(endpoint, fleet, changes))
        return {"EndpointArn": self.records.arn(endpoint.name)}

    def _delete(self, request: DeleteEndpointInputTypeDef, caller: Caller) -> dict[str, Any]:
        name = request["EndpointName"]
        self.describe(name)
        for asked in self.on_delete:
            asked(name, caller)
        with self._lock:
            endpoint = self._live.get(name)
        if endpoint is None:
            self.records.delete(name)
            return {}
        with endpoint.lock:
            if endpoint.deleting.is_set():
                return {}
            endpoint.deleting.set()
            self._save(endpoint, "Deleting")
        if endpoint.fleet is not None:
            endpoint.fleet.poke()
        previous = endpoint.work
        self._work(endpoint, lambda endpoint: self._remove(endpoint, previous))
        return {}

    def _bring_up(self, endpoint: LiveEndpoint) -> None:
        """Creating (or coming back after a restart) until InService or Failed."""
        fleet = endpoint.fleet
        if fleet is None:
            return
        try:
            fleet.start()
            fleet.wait_ready(lambda: endpoint.deleting.is_set() or self._closed)
        except FleetError as error:
            self._end(endpoint)
            self._fail(endpoint, str(error))
            return
        if not endpoint.deleting.is_set() and not self._closed:
            self._save(endpoint, "InService")

    def _fail(self, endpoint: LiveEndpoint, reason: str) -> None:
        with endpoint.lock:
            if not endpoint.deleting.is_set() and not self._closed:
                endpoint.record["FailureReason"] = reason
                self._save(endpoint, "Failed")

    def _replace(self, endpoint: LiveEndpoint, config: str, variants: list[Variant], shift: Shift) -> None:
        """Updating: new instances first, then the switch, then the old ones end; on failure all stays."""
        old = endpoint.fleet
        fleet = self._fleet(endpoint, variants)
        try:
            fleet.start()
            ready = fleet.wait_ready(lambda: endpoint.deleting.is_set() or self._closed)
        except FleetError as error:
            fleet.close()
            endpoint.record["FailureReason"] = f"The update was rolled back. {error}"[:1024]
            self._save(endpoint, "InService")
            return
        if not ready:
            fleet.close()
            return
        if reason := self._shift(endpoint, fleet, shift):
            fleet.drain(DRAIN_SECONDS, endpoint.deleting.is_set)
            fleet.close()
            endpoint.record["FailureReason"] = f"The update was rolled back. {reason}"[:1024]
            self._save(endpoint, "InService")
            return
        with endpoint.lock:
            endpoint.fleet, endpoint.trial = fleet, None
            endpoint.record["EndpointConfigName"] = config
            endpoint.record.pop("FailureReason", None)
        self._save(endpoint, "InService")
        if old is not None:
            old.drain(DRAIN_SECONDS, endpoint.deleting.is_set)
            old.close()

    def _shift(self, endpoint: LiveEndpoint, fleet: Fleet, shift: Shift) -> str | None:
        """Give ``fleet`` more and more of the traffic; why it got none in the end, or None."""

        def route(share: float) -> None:
            endpoint.trial = (fleet, share) if share else None

        def alarmed(name: str) -> bool:
            return (self._ctx.part(Alarms).get(name) or {}).get("StateValue") == "ALARM"

        def pause(seconds: float) -> bool:
            return endpoint.deleting.wait(seconds) or self._closed

        try:
            return carry_out(shift, route, alarmed, pause, time.monotonic)
        except BaseException:
            route(0.0)
            raise

    def _rescale(self, endpoint: LiveEndpoint, fleet: Fleet, changes: Sequence[Mapping[str, Any]]) -> None:
        before = {variant.name: variant.count for variant in fleet.variants.values()}
        try:
            for change in changes:
                variant = fleet.variants[change["VariantName"]]
                variant.weight = change.get("DesiredWeight", variant.weight)
                if "DesiredInstanceCount" in change:
                    fleet.resize(variant.name, change["DesiredInstanceCount"])
            fleet.wait_ready(lambda: endpoint.deleting.is_set() or self._closed)
        except FleetError as error:
            for name, count in before.items():
                fleet.resize(name, count)
            endpoint.record["FailureReason"] = str(error)
        self._save(endpoint, "InService")

    def _remove(self, endpoint: LiveEndpoint, previous: threading.Thread | None) -> None:
        if previous is not None:
            previous.join()
        self._end(endpoint)
        shutil.rmtree(self._ctx.state.endpoints / endpoint.name, ignore_errors=True)
        with self._lock:
            self._live.pop(endpoint.name, None)
        self.records.delete(endpoint.name)

    def _end(self, endpoint: LiveEndpoint) -> None:
        with endpoint.lock:
            fleet, endpoint.fleet = endpoint.fleet, None
        if fleet is not None:
            fleet.close()

    def _variants(self, config_name: str) -> list[Variant]:
        """The variants of a configuration with their models; ValidationException when one is missing."""
        return [
            Variant(
                name=production_variant["VariantName"],
                model=self._models.model(production_variant["ModelName"]),
                count=1 if "ServerlessConfig" in production_variant else production_variant["InitialInstanceCount"],
                weight=production_variant["InitialVariantWeight"],
                startup_seconds=production_variant.get("ContainerStartupHealthCheckTimeoutInSeconds", STARTUP_SECONDS),
                instance_type=production_variant.get("InstanceType", ""),
                routing=production_variant.get("RoutingConfig", {}).get("RoutingStrategy", ""),
            )
            for production_variant in self._models.config(config_name)["ProductionVariants"]
        ]

    def _fleet(self, endpoint: LiveEndpoint, variants: list[Variant]) -> Fleet:
        folder = self._ctx.state.endpoints / endpoint.name / secrets.token_hex(4)
        return Fleet(endpoint.name, folder, variants, self.tools)

    def _in_service(self, name: str) -> LiveEndpoint:
        status = self.describe(name)["EndpointStatus"]
        endpoint = self.live(name)
        if endpoint is None or status != "InService":
            raise invalid(f'Cannot update in-progress endpoint "{self.records.arn(name)}": its status is {status}.')
        return endpoint

    def _in_use(self) -> Counter[str]:
        """Instances by type of all endpoints; the caller holds the lock."""
        used: Counter[str] = Counter()
        for endpoint in self._live.values():
            used.update(endpoint.reserved)
        return used

    def _begin_update(self, endpoint: LiveEndpoint, more: Counter[str], config: str = "") -> None:
        """Enter Updating (to ``config``) with ``more`` instances reserved, if the quota allows them."""
        with self._lock, endpoint.lock:
            if endpoint.record["EndpointStatus"] != "InService":
                raise invalid(f'Cannot update in-progress endpoint "{self.records.arn(endpoint.name)}".')
            self._quotas.require(ENDPOINT, more, self._in_use())
            endpoint.reserved += more
            endpoint.record.pop("FailureReason", None)
            if config:
                endpoint.record[_PENDING] = {"EndpointConfigName": config, "StartTime": time.time()}
            self._save(endpoint, "Updating")

    def _adopt(self, name: str, record: dict[str, Any], variants: list[Variant]) -> LiveEndpoint:
        endpoint = LiveEndpoint(name, record)
        endpoint.fleet = self._fleet(endpoint, variants)
        endpoint.reserved = _instances(variants)
        with self._lock:
            self._live[name] = endpoint
        return endpoint

    def _work(self, endpoint: LiveEndpoint, work: Callable[[LiveEndpoint], None]) -> None:
        name = f"endpoint {endpoint.name}"
        endpoint.work = threading.Thread(target=self._guarded, args=(endpoint, work), name=name, daemon=True)
        endpoint.work.start()

    def _guarded(self, endpoint: LiveEndpoint, work: Callable[[LiveEndpoint], None]) -> None:
        """Run ``work``; whatever goes wrong in it, the endpoint does not stay in a passing status."""
        try:
            work(endpoint)
        except Exception as error:
            reason = f"InternalServerError: {type(error).__name__}: {error}"
            if endpoint.record["EndpointStatus"] == "Updating":
                endpoint.record["FailureReason"] = reason
                self._save(endpoint, "InService")
            else:
                self._end(endpoint)
                self._fail(endpoint, reason)
            raise

    def _save(self, endpoint: LiveEndpoint, status: str) -> None:
        with endpoint.lock:
            if endpoint.deleting.is_set() and status != "Deleting":
                return
            now = time.time()
            endpoint.record |= {"EndpointStatus": status, "LastModifiedTime": now}
            if status != "Updating":
                endpoint.record.pop(_PENDING, None)
            if endpoint.fleet is not None:
                variants = list(endpoint.fleet.variants.values())
                endpoint.record["ProductionVariants"] = [
                    _variant_summary(variant, len(variant.instances)) for variant in variants
                ]
                endpoint.record[_DEPLOYMENT] = [variant.to_record() for variant in variants]
            if status in ("InService", "Failed"):
                endpoint.reserved = _instances(endpoint.fleet.variants.values() if endpoint.fleet else ())
            self.records.save(endpoint.name, endpoint.record, status=status, modified=now)

    def _keys(self, role_arn: str, folder: Path) -> RoleKeys:
        return RoleKeys(self._ctx.credentials, role_arn, folder, self._ctx.region, self._ctx.endpoint_url)


def _instances(variants: Iterable[Variant]) -> Counter[str]:
    """Instances by type; serverless variants have none."""
    counts: Counter[str] = Counter()
    for variant in variants:
        if variant.instance_type:
            counts[variant.instance_type] += variant.count
    return counts


def _variant_summary(variant: Variant, running: int) -> dict[str, Any]:
    image = container_of(variant.model)["Image"]
    return {
        "VariantName": variant.name,
        "DeployedImages": [{"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": time.time()}],
        "CurrentWeight": variant.weight,
        "DesiredWeight": variant.weight,
        "CurrentInstanceCount": running,
        "DesiredInstanceCount": variant.count,
    }
