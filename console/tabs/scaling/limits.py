"""The fields of limits, target and waits, which the panel and both plans of the Replay page have alike."""

from __future__ import annotations

from console.widgets.forms.fields import IntField, NumberField
from console.widgets.forms.form import Form
from workers.scaling.types import VariantSettings

# Invocations per instance and minute, until one is measured: an instance takes a second a call, and half of it is used.
USUAL_TARGET = 30.0
# Seconds, a day: AWS names no limit, and a longer wait is a slip of the finger.
_LONGEST_WAIT = 86_400


def add_limits(form: Form, target_title: str) -> None:
    """Add the fields; an edit of either limit checks the one against the other."""

    def check_limits(least: int) -> str | None:
        # Fields are checked as they are added, when the maximum is not there yet.
        above = least > form.values().get("maximum", least)
        return "The minimum may not be above the maximum." if above else None

    form.add_pair(
        ("minimum", "Minimum", IntField(1, 1, 1000), check_limits),
        ("maximum", "Maximum", IntField(4, 1, 1000)),
    )
    form.add("target", target_title, NumberField(USUAL_TARGET), check=_check_target)
    form.add_pair(
        ("out", "Scale-out wait", IntField(300, 0, _LONGEST_WAIT, suffix="s")),
        ("in", "Scale-in wait", IntField(300, 0, _LONGEST_WAIT, suffix="s")),
    )
    # Before anybody else hears of the change: they ask whether the form is valid.
    form.changed.connect(form.row("minimum").check)


def set_limits(form: Form, settings: VariantSettings) -> None:
    """Put these into the fields, and check them."""
    form.set_values(
        {
            "minimum": settings.minimum,
            "maximum": settings.maximum,
            "target": settings.target,
            "out": settings.out_wait,
            "in": settings.in_wait,
        }
    )
    form.check()


def limits_in(form: Form) -> VariantSettings:
    """What the fields say; a target that is no number is 0."""
    given = form.values()
    return VariantSettings(given["minimum"], given["maximum"], given["target"] or 0.0, given["out"], given["in"])


def _check_target(value: float | None) -> str | None:
    return None if value is not None and value > 0 else "The target must be above 0."
