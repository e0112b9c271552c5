"""The Overview's section of what is unsafe, the list of all findings, and their fixes, over a stand-in account."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel

from console.look.theme import theme
from console.tabs.overview import TAB
from console.tabs.overview.part import Part
from console.tabs.overview.security import part as part_module
from console.tabs.overview.security.detail import FindingDetail
from console.tabs.overview.security.part import SecurityPart
from console.tabs.overview.security.review import ReviewDialog
from console.tabs.overview.security.role_dialog import RoleDialog
from console.widgets.base import screen_area
from console.widgets.frames.confirm import ConfirmDialog
from tests.helpers.inventory import resource
from tests.helpers.models import ModelServices, enter
from tests.helpers.safety import FULL, FakeSecurity, unsafe_account
from tests.helpers.window import dialog_of, texts, until
from workers.errors.tree import AccessDenied, Conflict
from workers.inventory.types import Inventory
from workers.security.changes_identity import NarrowRole
from workers.security.groups import CloseRule
from workers.security.logs import SetRetention
from workers.security.ocsf import as_ocsf
from workers.security.types import Finding, NotChecked, Report
from workers.security.types import Resource as Subject

DENIED = NotChecked(
    "iam_root_mfa_enabled", "Root user without second factor", "AccessDenied: not you.", "the root user"
)


async def opened(make_application: Callable[..., Any], security: FakeSecurity) -> tuple[Any, SecurityPart]:
    application = make_application([TAB])
    application.window.resize(1440, 900)
    application.show(connect=False)
    services = ModelServices()
    services.security = security
    enter(application, services)
    tab = application.window.pages.tab("overview")
    part = await until(lambda: next((part for part in tab.side.parts if isinstance(part, SecurityPart)), None))
    await until(lambda: part.report is not None or security.error is not None)
    return application, part


async def reviewed(part: SecurityPart, **how: Any) -> ReviewDialog:
    dialog = part.review(**how)
    await until(dialog.isVisible)
    return dialog


def said(part: SecurityPart) -> list[str]:
    return [line.accessibleName() for line in part.lines]


async def test_the_worst_checks_are_lines_with_one_button(make_application: Callable[..., Any]) -> None:
    _, part = await opened(make_application, FakeSecurity(unsafe_account()))
    assert said(part) == [
        "High: IMDSv1 allowed, dog-scratch",
        "High: SSH open to everyone, sg-dog-trainer",
        "High: No MFA on a user, user/operator",
        "High: Role has full access, dog-predict-role",
    ]
    assert [line.button.text() for line in part.lines] == ["Require v2…", "Close…", "How to", "Narrow…"]
    assert part.note.text() == "7 findings"
    assert part.findings == 7
    assert part.unchecked_button.isHidden()
    assert all(line.button.accessibleName().startswith(line.button.text()) for line in part.lines)


async def test_many_of_one_check_are_one_line(make_application: Callable[..., Any]) -> None:
    facts = {"log groups": unsafe_account()["log groups"]}
    _, part = await opened(make_application, FakeSecurity(facts))
    assert said(part) == ["Low: Log group keeps everything, 3 log groups"]
    part.lines[0].button.click()
    dialog = await dialog_of(ReviewDialog, part.window())
    assert dialog.table.model.rowCount() == 3


async def test_an_account_without_a_finding_says_so(make_application: Callable[..., Any]) -> None:
    security = FakeSecurity()
    security.not_checked = (DENIED,)
    _, part = await opened(make_application, security)
    assert "Nothing was found by what could be checked." in texts(part)
    assert part.unchecked_button.text() == "1 check could not be made for all"
    part.unchecked_button.click()
    dialog = await dialog_of(ReviewDialog, part.window())
    assert dialog.views.current == "unchecked"
    assert "AccessDenied: not you." in texts(dialog)
    assert "not passed" in texts(dialog)


async def test_one_click_fixes_what_was_shown_and_it_is_gone(make_application: Callable[..., Any]) -> None:
    security = FakeSecurity(unsafe_account())
    application, part = await opened(make_application, security)
    part.lines[1].button.click()
    confirm = await dialog_of(ConfirmDialog, part.window())
    assert "Close tcp port 22 from 0.0.0.0/0 to sg-0c81d9be27?" in texts(confirm)
    assert "Nobody reaches what is in sg-dog-trainer by this rule any more." in texts(confirm)
    confirm.confirm_button.click()
    await until(lambda: security.did)
    (change,) = security.did
    assert isinstance(change, CloseRule)
    assert (change.group, change.rule.words) == ("sg-0c81d9be27", "tcp port 22 from 0.0.0.0/0")
    await until(lambda: "SSH open" not in " ".join(said(part)))
    assert security.asked == [(), ("security groups",)], "what did not change is not looked at again"
    assert application.activity.history[0].cli.startswith("aws ec2 revoke-security-group-ingress --group-id sg-0c81")


async def test_what_has_changed_meanwhile_is_told(make_application: Callable[..., Any]) -> None:
    security = FakeSecurity(unsafe_account())
    security.apply_error = Conflict("It has changed meanwhile", "The rule is not as it was shown any more.")
    application, part = await opened(make_application, security)
    part.lines[1].button.click()
    (await dialog_of(ConfirmDialog, part.window())).confirm_button.click()
    await until(lambda: application.notify.notices)
    assert application.notify.notices[-1].title == "It has changed meanwhile"


async def test_a_role_is_shown_what_it_used_before_it_is_narrowed(make_application: Callable[..., Any]) -> None:
    security = FakeSecurity(unsafe_account())
    _, part = await opened(make_application, security)
    part.lines[3].button.click()
    dialog = await dialog_of(RoleDialog, part.window())
    await until(lambda: dialog.use is not None)
    assert "It may use 6 services and used 2" in texts(dialog)
    assert "Taken away: AmazonSageMakerFullAccess." in texts(dialog)
    assert "sagemaker:InvokeEndpoint" in dialog.diff.text()
    dialog.narrow_button.click()
    await until(lambda: security.did)
    (change,) = security.did
    assert isinstance(change, NarrowRole)
    assert change.detach == (FULL,)
    assert change is dialog.use.change, "exactly what was shown"


async def test_what_a_role_used_may_not_be_known(make_application: Callable[..., Any]) -> None:
    security = FakeSecurity(unsafe_account())
    _, part = await opened(make_application, security)
    security.error = AccessDenied("Not allowed", "This account may not read it.")
    part.lines[3].button.click()
    dialog = await dialog_of(RoleDialog, part.window())
    await until(lambda: "Not allowed" in texts(dialog))
    assert not dialog.narrow_button.isEnabled()
    assert "cannot be narrowed" in texts(dialog)


async def test_read_only_shows_all_and_changes_nothing(make_application: Callable[..., Any]) -> None:
    application, part = await opened(make_application, FakeSecurity(unsafe_account()))
    application.ctx.set_read_only(True)
    assert [line.button.isEnabled() for line in part.lines] == [False, False, True, False]
    dialog = await reviewed(part)
    assert not dialog.fix_button.isEnabled()
    application.ctx.set_read_only(False)
    assert dialog.fix_button.isEnabled()


async def test_all_findings_can_be_filtered_and_fixed_together(make_application: Callable[..., Any]) -> None:
    security = FakeSecurity(unsafe_account())
    _, part = await opened(make_application, security)
    part.review_button.click()
    dialog = await dialog_of(ReviewDialog, part.window())
    assert dialog.views.texts() == ["Found 7", "Not checked 0"]
    assert "Account 123456789012, us-east-1:" in texts(dialog)
    assert dialog.chosen()[0].title == "IMDSv1 allowed", "the first one is chosen, and told below"
    assert "aws ec2 modify-instance-metadata-options" in dialog.detail.lines.toPlainText()
    dialog.severity.set_value("low")
    assert dialog.table.model.rowCount() == 3
    dialog.table.view.selectAll()
    assert dialog.fix_button.text() == "Fix 3…"
    dialog.fix_button.click()
    confirm = await dialog_of(ConfirmDialog, part.window())
    assert "cannot be brought back" in texts(confirm)
    confirm.confirm_button.click()
    await until(lambda: len(security.did) == 3)
    assert all(isinstance(change, SetRetention) for change in security.did)
    await until(lambda: dialog.report is not None and len(dialog.report.findings) == 4)
    dialog.search.setText("port 22")
    dialog.severity.set_value("")
    await until(lambda: dialog.table.model.rowCount() == 1)


async def test_look_again_looks_at_everything(make_application: Callable[..., Any]) -> None:
    security = FakeSecurity(unsafe_account())
    _, part = await opened(make_application, security)
    dialog = await reviewed(part)
    security.facts = {}
    dialog.look_button.click()
    assert dialog.look_button.text() == "Looking…"
    await until(lambda: dialog.table.state == "empty")
    await until(lambda: dialog.look_button.isEnabled())
    assert security.asked == [(), ()]


async def test_a_look_that_fails_says_why_and_can_be_repeated(make_application: Callable[..., Any]) -> None:
    security = FakeSecurity(unsafe_account())
    security.error = AccessDenied("Not allowed", "This account may not do that.")
    _, part = await opened(make_application, security)
    await until(lambda: "Not allowed" in texts(part))
    assert not part.lines
    security.error = None
    part.look()
    await until(lambda: part.lines)
    assert "Not allowed" not in texts(part)


async def test_a_refresh_does_not_look_again_and_a_long_time_does(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    security = FakeSecurity(unsafe_account())
    _, part = await opened(make_application, security)
    part.refresh()
    part.refresh()
    assert not part.looking and security.asked == [()]
    monkeypatch.setattr(part_module, "LOOK_SECONDS", -1.0)
    part.refresh()
    await until(lambda: len(security.asked) == 2)


async def test_old_findings_are_said_with_their_time(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, part = await opened(make_application, FakeSecurity(unsafe_account()))
    assert part.note.text() == "7 findings"
    monkeypatch.setattr(part_module, "OLD_SECONDS", -1.0)
    part.refresh()
    assert part.report is not None
    assert part.note.text() == f"7 findings, as of {part.report.at.astimezone():%H:%M}"


def test_a_note_that_is_long_breaks_and_pushes_nothing_out(qtbot: Any) -> None:
    def least(note: str) -> int:
        part = Part(None)  # type: ignore[arg-type]
        qtbot.addWidget(part)
        part.add_link("Review all", lambda: None)
        part.note.setText(note)
        part.show()
        return part.minimumSizeHint().width()

    assert least("12 findings, as of 15:07 to 15:12") < least("12 findings") + 20


def test_the_root_user_is_called_so_and_not_as_a_report_of_aws_calls_it(qtbot: Any) -> None:
    detail = FindingDetail()
    qtbot.addWidget(detail)
    root = Subject("AwsIamUser", "<root_account>", "arn:aws:iam::123456789012:root")
    detail.show_finding(Finding("c", "Root user", "critical", "iam", "why", root, "risk", "what", None))
    said = [found.accessibleName() for found in detail.facts.findChildren(QLabel)]
    assert "Resource: root user" in said


async def test_what_somebody_else_made_is_looked_at_once_and_said_with_its_time(
    make_application: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    security = FakeSecurity(unsafe_account())
    _, part = await opened(make_application, security)
    assert part.report is not None
    at = part.report.at
    part.show_report(replace(part.report, at=at - timedelta(minutes=18)))
    old = resource("bucket", "old", created=at - timedelta(days=1))
    made = resource("endpoint-config", "dogs-2", created=at - timedelta(minutes=5))
    part.show_inventory(Inventory((old,)))
    assert not part.looking
    part.show_inventory(Inventory((old, made)))
    await until(lambda: part.report.renewed_at is not None and not part.looking)
    part.show_inventory(Inventory((old, made)))
    assert security.asked == [(), ("endpoint configurations",)]
    whole, newer = part.report.at.astimezone(), part.report.renewed_at.astimezone()
    assert part.note.text() == f"7 findings, as of {whole:%H:%M} to {newer:%H:%M}"


async def test_a_change_elsewhere_is_looked_at_even_while_a_look_is_under_way(
    make_application: Callable[..., Any],
) -> None:
    security = FakeSecurity(unsafe_account())
    application, _ = await opened(make_application, security)
    gate = asyncio.Event()
    security.answered = gate.wait
    application.ctx.resourceChanged.emit("bucket", "dogs")
    await until(lambda: len(security.asked) == 2)
    application.ctx.resourceChanged.emit("function", "predict")
    application.ctx.resourceChanged.emit("job", "dogs")
    gate.set()
    await until(lambda: len(security.asked) == 3)
    assert security.asked[1:] == [("buckets",), ("functions", "log groups", "roles and users")]


async def test_another_account_sees_nothing_of_this_one(make_application: Callable[..., Any]) -> None:
    application, part = await opened(make_application, FakeSecurity(unsafe_account()))
    dialog = await reviewed(part)
    application.ctx.leave()
    await until(lambda: not dialog.isVisible())
    assert part.report is None and not part.lines and not part.note.text()


def choose(dialog: QFileDialog, path: Path) -> None:
    dialog.fileSelected.emit(str(path))
    dialog.close()


async def test_findings_are_exported_as_a_page_and_as_json(
    make_application: Callable[..., Any], tmp_path: Path
) -> None:
    application, part = await opened(make_application, FakeSecurity(unsafe_account()))
    dialog = await reviewed(part)
    for ending, export in ((".html", dialog.export_page), (".ocsf.json", dialog.export_json)):
        export()
        chooser = await dialog_of(QFileDialog, dialog)
        path = tmp_path / f"findings{ending}"
        choose(chooser, path)
        await until(path.exists)
        await until(lambda path=path: any(str(path) in notice.text for notice in application.notify.notices))
    assert "SSH open to everyone" in (tmp_path / "findings.html").read_text("utf-8")
    assert len(json.loads((tmp_path / "findings.ocsf.json").read_text("utf-8"))) == 7
    assert (tmp_path / "findings.html").stat().st_mode & 0o077 == 0, "it names weak places: for its owner alone"


async def test_a_file_of_prowler_is_shown_without_fixes(make_application: Callable[..., Any], tmp_path: Path) -> None:
    _, part = await opened(make_application, FakeSecurity(unsafe_account()))
    report = part.report
    assert isinstance(report, Report)
    path = tmp_path / "prowler.ocsf.json"
    path.write_text(as_ocsf(report)[:-40], "utf-8")
    dialog = await reviewed(part)
    dialog.file_button.click()
    choose(await dialog_of(QFileDialog, dialog), path)
    await until(lambda: "Findings in prowler.ocsf.json" in texts(dialog))
    assert "6 findings; 0 others passed or are muted." in texts(dialog)
    assert "damaged after 6 findings" in texts(dialog)
    assert not dialog.fix_button.isVisible()
    assert not dialog.look_button.isVisible()
    dialog.account_button.click()
    assert dialog.table.model.rowCount() == 7
    assert dialog.fix_button.isVisible()


async def test_a_file_that_is_not_prowlers_is_told(make_application: Callable[..., Any], tmp_path: Path) -> None:
    application, part = await opened(make_application, FakeSecurity(unsafe_account()))
    path = tmp_path / "holiday.json"
    path.write_text("{}")
    dialog = await reviewed(part)
    dialog.file_button.click()
    choose(await dialog_of(QFileDialog, dialog), path)
    await until(lambda: application.notify.notices)
    assert application.notify.notices[-1].title == "holiday.json cannot be shown"
    assert dialog.table.model.rowCount() == 7


async def test_everything_is_reached_by_keyboard(make_application: Callable[..., Any]) -> None:
    security = FakeSecurity(unsafe_account())
    application, part = await opened(make_application, security)
    application.window.activateWindow()
    await until(application.window.isActiveWindow)
    part.lines[0].button.setFocus()
    QTest.keyClick(part.lines[0].button, Qt.Key.Key_Space)
    confirm = await dialog_of(ConfirmDialog, part.window())
    QTest.keyClick(confirm, Qt.Key.Key_Return)
    await until(lambda: security.did)
    dialog = await reviewed(part)
    dialog.table.view.setFocus()
    QTest.keyClick(dialog.table.view, Qt.Key.Key_Return)
    assert await dialog_of(ConfirmDialog, part.window())


async def test_lines_are_copied_for_a_terminal(make_application: Callable[..., Any]) -> None:
    _, part = await opened(make_application, FakeSecurity(unsafe_account()))
    dialog = await reviewed(part)
    dialog.detail.copy_button.click()
    assert QApplication.clipboard().text().startswith("aws ec2 modify-instance-metadata-options")


async def test_the_list_is_no_wider_than_the_screen_also_with_the_largest_text(
    make_application: Callable[..., Any],
) -> None:
    _, part = await opened(make_application, FakeSecurity(unsafe_account()))
    dialog = await reviewed(part)
    for scale in (1.3, 1.0):
        theme().set_scale(scale)
        await until(lambda: dialog.width() <= screen_area(dialog).width())
        assert dialog.height() <= screen_area(dialog).height()
