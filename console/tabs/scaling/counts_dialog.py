"""The dialog for instances and weights of an endpoint's variants."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtWidgets import QWidget

from console.models.format import percents
from console.widgets.forms.fields import IntField, NumberField
from console.widgets.forms.form import Form
from console.widgets.forms.lines import HintLine
from console.widgets.frames.dialog import FormDialog
from workers.scaling.types import Capacity, Target, Variant


class CountsDialog(FormDialog):
    """``limits`` are those of variants that are scaled, by name."""

    def __init__(self, variants: Sequence[Variant], limits: dict[str, Target], parent: QWidget | None = None) -> None:
        self._variants = tuple(variants)
        several = len(self._variants) > 1
        form = Form()
        for variant in self._variants:
            fields: list[tuple[Any, ...]] = [
                (
                    f"count {variant.name}",
                    _title(variant, limits.get(variant.name)),
                    IntField(max(1, variant.desired), 1, 1000),
                )
            ]
            if several:
                fields.append((f"weight {variant.name}", "Weight", NumberField(variant.weight), _check_weight))
            form.add_pair(*fields)
        self.shares = HintLine()
        super().__init__(
            f"Instances of {self._variants[0].endpoint}", form, ok="Change…", icon="check",
            extra_check=lambda: bool(self.wanted), parent=parent,
        )  # fmt: skip
        self.foot.addWidget(self.shares)
        form.changed.connect(self._show_shares)
        self._show_shares()

    def _weight(self, variant: Variant) -> float | None:
        values = self.form.values()
        key = f"weight {variant.name}"
        found: float | None = values.get(key, variant.weight)
        return found

    def _show_shares(self) -> None:
        weights = {variant.name: self._weight(variant) for variant in self._variants}
        known = [weight for weight in weights.values() if weight is not None]
        whole = sum(known)
        if len(weights) < 2 or len(known) < len(weights) or whole <= 0:
            self.shares.say("")
            return
        words = ", ".join(f"{name} {percents((weight or 0.0) / whole)}" for name, weight in weights.items())
        self.shares.say(f"Of the calls: {words}")

    @property
    def wanted(self) -> list[Capacity]:
        """What differs from what there is to be."""
        found = []
        for variant in self._variants:
            number, weight = self.form.value(f"count {variant.name}"), self._weight(variant)
            changed = Capacity(
                variant.name,
                number if number != variant.desired else None,
                weight if weight is not None and weight != variant.weight else None,
            )
            if changed != Capacity(variant.name):
                found.append(changed)
        return found


def _title(variant: Variant, limits: Target | None) -> str:
    within = f", scaled from {limits.minimum} to {limits.maximum}" if limits is not None else ""
    return f"Instances of {variant.name}{within}"


def _check_weight(weight: float | None) -> str | None:
    return None if weight is not None and weight >= 0 else "It may not be below 0."
