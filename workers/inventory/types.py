"""The frozen values of the overview: what exists, what it costs, what is idle, and taking all of it down.

Prices are US dollars, times timezone-aware in UTC. ``None`` is always "not known", never 0: a window shows "–".
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from workers.errors.tree import SageDeckError
from workers.inventory.kinds import (  # noqa: F401
    ALL_KINDS,
    COST_GROUPS,
    KINDS,
    CostGroup,
    Kind,
    KindWords,
)


@dataclass(frozen=True)
class Place:
    """Where the window opens something: the tab's id and what to choose there. ``tab`` is "" where no tab has it."""

    tab: str = ""
    target: str = ""


@dataclass(frozen=True)
class Span:
    """A time in which something cost so much an hour (``None``: not known). ``end`` is ``None`` while it goes on."""

    start: datetime
    end: datetime | None
    dollars_per_hour: float | None


@dataclass(frozen=True)
class Resource:
    """One thing that exists in the region (roles and buckets: in the account).

    ``id`` is unique within its kind and stays the same (an ARN, an id, or the name). ``state`` is AWS's own word, ""
    for kinds without states. ``size`` is in words: "2 × ml.m5.xlarge", "60 GiB gp3". ``tags`` is ``None`` until they
    are read, ``ours`` whether SageDeck made it (``None``: not known). ``dollars_per_hour`` is what it costs now by
    list price, ``cost_so_far`` since it was made, or since its last start (an instance). ``last_use`` is ``None`` both
    when nobody looked and when nothing was found; ``use_known`` tells the two apart. ``in_use``: it works right now (a
    running job). ``idle`` says why it is idle, "" when it is not. ``parts`` are other things it needs or holds:
    ``(kind, id)``. ``facts`` are what rules ask for, such as ``{"attached_to": ""}``; ``spans`` is what is known of
    when it cost how much.
    """

    kind: Kind
    id: str
    name: str
    state: str = ""
    size: str = ""
    created: datetime | None = None
    ended: datetime | None = None
    tags: Mapping[str, str] | None = None
    ours: bool | None = None
    dollars_per_hour: float | None = None
    cost_so_far: float | None = None
    last_use: datetime | None = None
    use_known: bool = False
    in_use: bool = False
    idle: str = ""
    parts: tuple[tuple[Kind, str], ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    spans: tuple[Span, ...] = field(default=(), repr=False)
    place: Place = Place()

    @property
    def key(self) -> tuple[Kind, str]:
        """What tells it from every other resource."""
        return self.kind, self.id

    @property
    def group(self) -> CostGroup:
        """Which part of the cost chart it belongs to."""
        return KINDS[self.kind].group

    @property
    def bills(self) -> bool | None:
        """Whether it costs something now; ``None`` when that is not known."""
        return None if self.dollars_per_hour is None else self.dollars_per_hour > 0

    def age(self, now: datetime) -> float | None:
        """Seconds since it was made, by the account's clock (``Inventory.now``)."""
        return None if self.created is None else max(0.0, (now - self.created).total_seconds())


@dataclass(frozen=True)
class KindRead:
    """How reading one kind went. With ``error`` its rows, if there are any, are those of ``as_of``.

    ``as_of`` is ``None`` when the kind could never be read. ``reading`` is true while it is under way. ``partial`` says
    in words what could not be read of it though its list could, "" for nothing.
    """

    kind: Kind
    count: int = 0
    as_of: datetime | None = None
    error: SageDeckError | None = None
    reading: bool = False
    partial: str = ""

    @property
    def whole(self) -> bool:
        """Whether everything of this kind is known."""
        return self.error is None and self.as_of is not None and not self.reading

    @property
    def words(self) -> str:
        """What is wrong in one line, for the kind's row; "" for nothing."""
        if self.error is None:
            return self.partial
        return f"{KINDS[self.kind].many} could not be read: {self.error.title[:1].lower()}{self.error.title[1:]}"


@dataclass(frozen=True)
class Inventory:
    """All that is known of the account. ``now`` is the account's clock when it was read: ages are reckoned from it."""

    resources: tuple[Resource, ...] = ()
    kinds: tuple[KindRead, ...] = ()
    now: datetime | None = None
    clock_off: float = 0.0

    @property
    def unread(self) -> tuple[KindRead, ...]:
        """The kinds that could not be read."""
        return tuple(kind for kind in self.kinds if kind.error is not None)

    @property
    def dollars_per_hour(self) -> float | None:
        """What everything with a known price costs an hour; ``None`` when nothing was read."""
        if not any(kind.as_of for kind in self.kinds):
            return None
        return sum(resource.dollars_per_hour or 0.0 for resource in self.resources)

    @property
    def billing(self) -> tuple[Resource, ...]:
        """What costs something now."""
        return tuple(resource for resource in self.resources if resource.bills)

    def of(self, *kinds: Kind) -> tuple[Resource, ...]:
        """The resources of these kinds."""
        return tuple(resource for resource in self.resources if resource.kind in kinds)


@dataclass(frozen=True)
class Changes:
    """What one step of a reading found out: the rows to add, to replace and to take away, and how kinds were read.

    A step that changed nothing has no rows; the table then touches nothing.
    """

    added: tuple[Resource, ...] = ()
    changed: tuple[Resource, ...] = ()
    removed: tuple[tuple[Kind, str], ...] = ()
    kinds: tuple[KindRead, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed)


@dataclass(frozen=True)
class ReadAccount:
    """What SageDeck itself asked of the account, and what AWS bills for that (list prices).

    ``metrics`` counts metrics in GetMetricData ($0.01 for 1,000), ``cost_pages`` pages of Cost Explorer ($0.01 each),
    ``calls`` all requests, free ones too. ``dollars`` is since connecting, ``dollars_last_hour`` of the last hour.
    """

    calls: int = 0
    metrics: int = 0
    cost_pages: int = 0
    dollars: float = 0.0
    dollars_last_hour: float = 0.0


@dataclass(frozen=True)
class CostFigures:
    """The four figures. Each is ``None`` when it cannot be known.

    ``now`` is dollars an hour. ``today`` and ``month`` are since midnight and since the first of the month (UTC, as
    AWS bills). ``month_end`` is what the month comes to if everything goes on as it is now. ``yesterday`` is what
    yesterday had cost by this time. ``without_idle`` is the month's end if what is idle were switched off. ``missing``
    says in sentences what is not in the figures, so that they are at least so much.
    """

    as_of: datetime
    now: float | None
    today: float | None
    month: float | None
    month_end: float | None
    yesterday: float | None = None
    without_idle: float | None = None
    billing: int = 0
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class CostPoint:
    """Dollars an hour by group from ``at`` until the next point."""

    at: datetime
    dollars: Mapping[CostGroup, float]


@dataclass(frozen=True)
class CostEvent:
    """Something that changed what is paid: in words for the chart, with the dollars an hour it added or took away."""

    at: datetime
    words: str
    kind: Kind
    name: str
    dollars: float | None = None


@dataclass(frozen=True)
class CostHistory:
    """Dollars an hour over a span, as steps; ``missing`` as in ``CostFigures``."""

    start: datetime
    end: datetime
    points: tuple[CostPoint, ...]
    events: tuple[CostEvent, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Billed:
    """What AWS itself says (Cost Explorer), up to a day late: dollars by service, of which days."""

    start: datetime
    end: datetime
    total: float
    by_service: tuple[tuple[str, float], ...]
    estimated: bool = True


@dataclass(frozen=True)
class Budget:
    """What a month may cost. ``stop_idle``: the operator chose that what is idle is stopped at 100 %."""

    dollars: float
    stop_idle: bool = False


@dataclass(frozen=True)
class BudgetState:
    """Where the month stands. ``level``: "ok", "warning" from 80 %, "over" from 100 %, "unknown".

    ``share`` is of the month to date, ``month_end_share`` of the month's end. ``stop_idle``: now is the time.
    """

    level: Literal["ok", "warning", "over", "unknown"]
    share: float | None
    month_end_share: float | None
    words: str
    stop_idle: bool = False


IdleAction = Literal["park", "stop", "delete", "release", "set_retention"]


@dataclass(frozen=True)
class IdleRule:
    """One rule with its words, ``{value}`` being the threshold. ``needs_metrics``: asking it costs money on AWS."""

    id: str
    kind: Kind
    title: str
    words: str
    value: float
    unit: str
    least: float
    most: float
    action: IdleAction
    needs_metrics: bool = False
    on: bool = True

    @property
    def sentence(self) -> str:
        """The rule with its threshold."""
        return self.words.format(value=f"{self.value:g}")


@dataclass(frozen=True)
class IdleFinding:
    """One thing that bills for nothing. ``per_month`` is what its action saves (``None``: not known).

    ``does`` says what the action will do, before it is done; ``cli`` is the same as AWS CLI lines.
    """

    rule: str
    resource: Resource
    reason: str
    since: datetime | None
    per_month: float | None
    action: IdleAction
    does: str
    cli: str = ""

    @property
    def key(self) -> tuple[str, Kind, str]:
        """What tells it from every other finding."""
        return self.rule, *self.resource.key


@dataclass(frozen=True)
class IdleReport:
    """What the rules found. ``unknown`` says in sentences what could not be judged, and why.

    ``changes`` are the rows of the inventory whose ``idle`` or last use is another one now.
    """

    findings: tuple[IdleFinding, ...]
    unknown: tuple[str, ...] = ()
    changes: Changes = Changes()

    @property
    def per_month(self) -> float:
        """What all actions together save a month, as far as it is known."""
        return sum(finding.per_month or 0.0 for finding in self.findings)


@dataclass(frozen=True)
class TearDownChoice:
    """What is to go. Without ``everything`` only what SageDeck made goes.

    ``buckets`` lets buckets go with all versions; ``keep`` are resources that stay all the same.
    """

    everything: bool = False
    buckets: bool = False
    keep: frozenset[tuple[Kind, str]] = frozenset()


StepState = Literal["todo", "doing", "waiting", "queued", "deleted", "gone", "failed"]


@dataclass(frozen=True)
class TearDownStep:
    """One thing that goes. ``does`` is the verb ("Delete", "Stop", "Terminate"), ``note`` what is special.

    ``queued``: AWS does not let it be deleted now (an endpoint that is being created); it is tried again.
    """

    resource: Resource
    does: str
    stage: int
    state: StepState = "todo"
    note: str = ""
    cli: str = ""

    @property
    def over(self) -> bool:
        """Nothing more happens to it."""
        return self.state in ("deleted", "gone", "failed")


@dataclass(frozen=True)
class Stays:
    """Something that is not touched, and why."""

    resource: Resource
    why: str


@dataclass(frozen=True)
class TearDownPlan:
    """Everything that would go, in the order in which it goes; what stays; and the kinds nobody could look at.

    ``confirm`` is what the operator types: the account's number. ``objects`` and ``bytes`` are what the buckets hold
    (``None``: not counted).
    """

    choice: TearDownChoice
    steps: tuple[TearDownStep, ...]
    stays: tuple[Stays, ...]
    unread: tuple[KindRead, ...]
    confirm: str
    saves_per_hour: float | None
    objects: int | None = None
    bytes: int | None = None

    @property
    def cli(self) -> str:
        """The same as AWS CLI lines."""
        return "\n".join(step.cli for step in self.steps if step.cli)


@dataclass(frozen=True)
class TearDownProgress:
    """How far it is: all steps as they are now, and ``words`` on what is being done or waited for."""

    steps: tuple[TearDownStep, ...]
    words: str
    ended: bool = False

    @property
    def done(self) -> int:
        """How many are gone."""
        return sum(step.state in ("deleted", "gone") for step in self.steps)

    @property
    def failed(self) -> tuple[TearDownStep, ...]:
        """Those that remain, each with its reason in ``note``."""
        return tuple(step for step in self.steps if step.state == "failed")


@dataclass(frozen=True)
class Proof:
    """A fresh listing after a tear-down. ``nothing_bills`` is true only when every kind could be read."""

    at: datetime
    left: tuple[Resource, ...]
    unread: tuple[KindRead, ...]
    looked_at: tuple[Kind, ...]

    @property
    def billing(self) -> tuple[Resource, ...]:
        """What is left and costs something, or may cost something."""
        return tuple(resource for resource in self.left if resource.bills is not False)

    @property
    def nothing_bills(self) -> bool:
        """Proven: every kind was read, and nothing of them costs anything."""
        return not self.unread and not self.billing

    @property
    def words(self) -> str:
        """The outcome in one line."""
        if self.unread:
            names = ", ".join(KINDS[kind.kind].many.lower() for kind in self.unread)
            return f"Not proven: could not read {names}."
        if self.billing:
            return f"{len(self.billing):,} of what is left may still bill."
        return f"Nothing that bills is left, of {len(self.looked_at)} kinds that were listed."


def by_key(resources: Iterable[Resource], only: Collection[Kind] = ()) -> dict[tuple[Kind, str], Resource]:
    """The resources by their key, of these kinds alone when some are given."""
    return {resource.key: resource for resource in resources if not only or resource.kind in only}
