"""The Scaling tab: concurrency of functions, instances of endpoint variants, and a plan for both."""

from console.tabs.spec import TabSpec

_ROOM = "console.tabs.scaling"
TAB = TabSpec(
    "scaling", "Scaling", "scaling", 6, f"{_ROOM}.tab:ScalingTab",
    changes=(
        f"{_ROOM}.commands:SetReserved",
        f"{_ROOM}.commands:SetProvisioned",
        f"{_ROOM}.commands:ApplyPolicy",
        f"{_ROOM}.commands:RemoveScaling",
        f"{_ROOM}.restoring:RestoreScaling",
        f"{_ROOM}.schedule_commands:PutSchedule",
        f"{_ROOM}.schedule_commands:DeleteSchedule",
        f"{_ROOM}.schedule_commands:SetCapacities",
    ),
)  # fmt: skip
