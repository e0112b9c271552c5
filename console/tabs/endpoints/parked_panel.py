"""The side panel of a parked endpoint: since when, what comes back with it, and what it does not cost."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget

from console.models.format import dollars, when
from console.tabs.endpoints.rows import PARKED
from console.widgets.base import label
from console.widgets.forms.buttons import Button
from console.widgets.forms.lines import CheckLine
from console.widgets.frames.banner import Banner
from console.widgets.frames.side_panel import SidePanel
from console.widgets.tables.state_chip import StateChip
from console.widgets.text.key_values import KeyValues
from workers.parking.types import Parked


class ParkedPanel(SidePanel):
    """Shows the parked endpoint chosen in the list."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("", parent=parent)
        self._chip = StateChip(PARKED)
        self.title_row.addWidget(self._chip)
        self.resume_button = Button("Resume…", "primary", "play", small=True)
        self.forget_button = Button("Forget…", "dangerText", small=True)
        self.buttons.addWidget(self.resume_button)
        self.buttons.addStretch(1)
        self.buttons.addWidget(self.forget_button)
        self._banner = Banner("warn")
        self._banner.hide()
        self._facts = KeyValues()
        says = CheckLine("ok", "Costs nothing now")
        self.add(self._banner)
        self.add(says)
        self.add(self._facts)
        self.section("What comes back")
        self._back = KeyValues()
        self.add(self._back)
        self._where = label(
            "Remembered in tags of the configuration, in the account: it can be resumed from any computer.",
            "small", "text3", wrap=True,
        )  # fmt: skip
        self.add(self._where)

    def show_parked(self, parked: Parked, per_hour: float | None) -> None:
        """Show this one; ``per_hour``: dollars when it is back, ``None`` when not known."""
        self.set_title(parked.name)
        memory = parked.memory
        self._banner.setVisible(bool(parked.problem))
        if parked.problem:
            title, _, rest = parked.problem.partition(". ")
            self._banner.set_content("warn", title, rest)
        self._facts.set_rows(
            [
                ("Parked", when(memory.parked_at) if memory is not None else ""),
                ("Config", parked.config),
                ("Model", ", ".join(memory.models) if memory is not None else ""),
                ("Job", memory.job if memory is not None else ""),
            ]
        )
        self._back.set_rows(comes_back(parked, per_hour))


def comes_back(parked: Parked, per_hour: float | None) -> list[tuple[str, str]]:
    """What is remembered, in words; ``per_hour``: dollars when it is back, ``None`` when not known."""
    memory = parked.memory
    if memory is None:
        return [("Remembered", "cannot be read by this program")]
    rows = [
        ("Instances", parked.instances),
        ("Cost", f"{dollars(per_hour, 3)} an hour" if per_hour is not None else ""),
    ]
    rows += [
        (f"Scaling of {target['ResourceId'].rsplit('/', 1)[-1]}", f"{target['MinCapacity']} to {target['MaxCapacity']}"
         + (", suspended" if any(target.get("SuspendedState", {}).values()) else ""))
        for target in memory.targets
    ]  # fmt: skip
    if not memory.targets:
        rows.append(("Scaling", "none: fixed instances"))
    rows += [("Policy", _policy(policy)) for policy in memory.policies]
    rows += [("Schedule", f"{action['ScheduledActionName']}: {action['Schedule']}") for action in memory.schedules]
    rows += [("Alarm", alarm["AlarmName"]) for alarm in memory.alarms]
    if len(memory.variants) > 1:
        weights = (f"{kept.name} {kept.weight:g}" for kept in memory.variants if kept.weight is not None)
        rows.append(("Weights", ", ".join(weights)))
    tags = [f"{key}={value}" for key, value in memory.tags.items() if not key.startswith("sagedeck:")]
    if tags:
        rows.append(("Tags", ", ".join(tags)))
    return rows


def _policy(policy: dict[str, object]) -> str:
    """Kind and target; the name is mostly AWS's own, one long word."""
    tracking = policy.get("TargetTrackingScalingPolicyConfiguration")
    if isinstance(tracking, dict) and "TargetValue" in tracking:
        return f"target tracking, {tracking['TargetValue']:g}"
    return "steps" if policy.get("PolicyType") == "StepScaling" else str(policy.get("PolicyType", ""))
