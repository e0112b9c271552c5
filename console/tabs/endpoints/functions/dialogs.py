"""The dialogs of the functions part: a new function, a version to publish, an alias to move."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget

from console.widgets.base import label
from console.widgets.forms.fields import ComboBox, IntField, LineEdit
from console.widgets.forms.form import Form
from console.widgets.forms.switch import Switch
from console.widgets.frames.dialog import FormDialog
from console.widgets.text.policy_diff import PolicyDiff
from workers.access.grants import diff_lines
from workers.aws.s3_uri import S3Uri
from workers.functions.role import function_policy, policy_values
from workers.functions.service import name_problem
from workers.functions.types import FunctionSpec, FunctionVersion

# MB: steps at which Lambda's share of a processor grows; new accounts stop at 3,008.
MEMORY = (128, 256, 512, 1024, 2048, 3008)
# MB and seconds: the endpoint does the work, and what it has not answered by then it rarely does.
DEFAULT_MEMORY, DEFAULT_TIMEOUT = 256, 30
LATEST = "$LATEST"


class NewFunctionDialog(FormDialog):
    """Ask with ``ask()``, then read ``spec()``. ``endpoints`` are ``(name, arn)``; the role's policy is shown live."""

    def __init__(
        self,
        endpoints: Sequence[tuple[str, str]],
        taken: set[str],
        endpoint: str = "",
        parent: QWidget | None = None,
    ) -> None:
        self._arns = dict(endpoints)
        self._taken = taken
        names = [name for name, _ in endpoints]
        chosen = endpoint if endpoint in names else (names[0] if names else None)
        form = Form()
        form.add("endpoint", "Endpoint", ComboBox([(name, name) for name in names], chosen))
        suggested = _free(f"{chosen or 'endpoint'}-ask", taken)
        form.add("name", "Function name", LineEdit(suggested, chars=24), check=self._check_name)
        form.add_pair(
            ("memory", "Memory", ComboBox([(size, f"{size:,} MB") for size in MEMORY], DEFAULT_MEMORY)),
            ("timeout", "Timeout", IntField(DEFAULT_TIMEOUT, 1, 900, suffix="s")),
        )
        form.add(
            "s3",
            "Pictures in S3 (optional)",
            LineEdit("", "bucket/prefix/", chars=24),
            check=_check_place,
            note="Events may then name an object below this prefix instead of carrying the picture.",
        )
        self.allow = Switch("Allow the endpoint at once", checked=True)
        form.add_widget(self.allow)
        super().__init__(
            "New function", form, ok="Make function", icon="lambda",
            text="It checks each picture before it asks the endpoint, and runs with a role of its own.",
            width=640, parent=parent,
        )  # fmt: skip
        self._policy_title = label("", "label", "text2")
        self.policy = PolicyDiff(ground="sunken")
        self.foot.addWidget(self._policy_title)
        self.foot.addWidget(self.policy)
        self.allow.toggled.connect(self._show_policy)
        form.changed.connect(self._show_policy)
        self._show_policy()

    def spec(self) -> FunctionSpec:
        """What the form says."""
        given = self.form.values()
        place = S3Uri.typed(str(given["s3"]))
        bucket, prefix = (place.bucket, place.key) if place is not None else ("", "")
        return FunctionSpec(
            name=given["name"],
            endpoint_name=given["endpoint"] or "",
            memory_mb=given["memory"],
            timeout_s=given["timeout"],
            s3_bucket=bucket,
            s3_prefix=prefix,
            allow_endpoint=self.allow.isChecked(),
        )

    def _check_name(self, name: str) -> str | None:
        if name in self._taken:
            return "A function with this name exists already."
        return name_problem(name) or None

    def _show_policy(self) -> None:
        spec = self.spec()
        arn = self._arns.get(spec.endpoint_name)
        if arn is None:
            return
        document = function_policy(spec, policy_values(spec.name, arn, spec.endpoint_name))
        actions = sum(
            len(statement["Action"]) if isinstance(statement["Action"], list) else 1
            for statement in document["Statement"]
        )
        self._policy_title.setText(f"The role may do {actions} things, and nothing else:")
        lines = [line for line in diff_lines(document, document) if line.number > 2]
        self.policy.set_lines(lines[:-1], whole=True)


class PublishDialog(FormDialog):
    """Ask for a description and an alias; then read ``values()`` of the form."""

    def __init__(self, function: str, aliases: Sequence[str], parent: QWidget | None = None) -> None:
        form = Form()
        form.add("description", "Description (optional)", LineEdit("", chars=24))
        form.add("alias", "Alias that shall point to it (optional)", LineEdit(next(iter(aliases), ""), chars=24),
                 check=_check_alias)  # fmt: skip
        text = "The code and settings of now get a number and never change again."
        super().__init__(
            f"Publish a version of {function}", form, ok="Publish", icon="history", text=text, parent=parent
        )


class AliasDialog(FormDialog):
    """Point an alias to another version: ``form.value("alias")``, ``form.value("version")``."""

    def __init__(self, function: str, versions: Sequence[FunctionVersion], parent: QWidget | None = None) -> None:
        aliases = [alias for version in versions for alias in version.aliases]
        form = Form()
        form.add("alias", "Alias", LineEdit(next(iter(aliases), "live"), chars=24), check=_check_named_alias)
        titles = [(version.version, f"{version.version}  {version.description}".strip()) for version in versions]
        newest = next((version.version for version in versions if version.version != LATEST), LATEST)
        form.add("version", "Version", ComboBox(titles, newest))
        text = "Whoever calls the alias gets this version from now on."
        super().__init__(f"Alias of {function}", form, ok="Point to it", icon="link", text=text, parent=parent)


def _check_alias(alias: str) -> str | None:
    if not alias:
        return None
    return _check_named_alias(alias)


def _check_named_alias(alias: str) -> str | None:
    if alias.isdigit():
        return "An alias cannot be a number; those are versions."
    return name_problem(alias).replace("function", "alias") or None


def _check_place(place: str) -> str | None:
    if not place:
        return None
    found = S3Uri.typed(place)
    if found is None or not found.key:
        return "Write bucket/prefix/; a whole bucket is more than a function needs."
    return "A prefix cannot contain * or ?." if set("*?") & set(place) else None


def _free(base: str, taken: set[str]) -> str:
    number, name = 2, base
    while name in taken:
        name, number = f"{base}-{number}", number + 1
    return name
