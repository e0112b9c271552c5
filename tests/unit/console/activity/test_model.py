from __future__ import annotations

from console.activity.model import ActivityModel
from console.journal import Journal, Writer
from workers.errors.tree import QuotaExceeded


def test_an_item_moves_from_running_to_history_and_to_disk(tmp_path):
    writer = Writer()
    journal = Journal(tmp_path / "activity.jsonl", writer)
    model = ActivityModel(journal)
    seen = []
    for name in ("added", "changed", "finished"):
        getattr(model, name).connect(lambda item, name=name: seen.append((name, item.title)))
    item = model.begin("Uploading dogs", "upload")
    item.progress(0.25, "1 of 4 files")
    assert (item.fraction, item.text, model.running) == (0.25, "1 of 4 files", [item])
    item.done("4 files", cli="aws s3 sync dogs s3://b/dogs")
    assert (item.state, item.fraction, model.running, model.history) == ("done", 1.0, [], [item])
    assert seen == [("added", "Uploading dogs"), ("changed", "Uploading dogs"), ("finished", "Uploading dogs")]
    writer.close()

    records = journal.load()
    model.restore(records)
    assert model.history == [item], "this run's own records are not shown twice"
    again = ActivityModel()
    again.restore([records[0] | {"at": "2024-05-01T12:00:00+00:00"}])
    [old] = again.history
    assert (old.title, old.icon, old.state, old.text, old.cli) == (
        "Uploading dogs",
        "upload",
        "done",
        "4 files",
        "aws s3 sync dogs s3://b/dogs",
    )
    assert old.retry is None and not old.running


def test_a_failure_keeps_its_reason_and_retry():
    model = ActivityModel()
    item = model.begin("Launch of dogs", "training")
    retried = []
    item.fail(
        QuotaExceeded("Too many", "2 of 2 are used.", code="ResourceLimitExceeded"), retry=lambda: retried.append(1)
    )
    assert item.state == "failed" and item.text == "ResourceLimitExceeded: 2 of 2 are used."
    item.retry()
    assert retried == [1]


def test_what_is_finished_stays_finished():
    model = ActivityModel()
    item = model.begin("Upload", "upload", cancellable=lambda: None)
    item.cancelled()
    item.done("too late")
    item.progress(0.5)
    assert item.state == "cancelled" and item.text == "Cancelled" and model.history == [item]


def test_pause_and_cancel_reach_the_owner_only_while_it_runs():
    model = ActivityModel()
    told = []
    item = model.begin("Upload", "upload", cancellable=lambda: told.append("cancel"), pausable=told.append)
    item.toggle_pause()
    item.toggle_pause()
    item.request_cancel()
    item.done()
    item.toggle_pause()
    item.request_cancel()
    assert told == [True, False, "cancel"]


def test_progress_stays_between_nothing_and_all():
    item = ActivityModel().begin("Upload", "upload")
    item.progress(1.7)
    assert item.fraction == 1.0
    item.progress(-0.1, "")
    assert item.fraction == 0.0
    item.progress(None, "usually 4 min")
    assert item.fraction is None


def test_how_long_it_took_comes_back_from_disk(tmp_path):
    record = {"at": "2024-05-01T12:00:00+00:00", "seconds": 90.5, "title": "A", "icon": "ok", "state": "done"}
    model = ActivityModel()
    model.restore([record])
    [item] = model.history
    assert item.seconds == 90.5 and item.started.isoformat() == "2024-05-01T11:58:29.500000+00:00"
    assert (item.actor, item.region, item.profile, item.calls) == ("", "", "", [])
    writer = Writer()
    journal = Journal(tmp_path / "activity.jsonl", writer)
    running = ActivityModel(journal).begin("B", "ok")
    assert running.seconds >= 0 and running.ended is None
    running.done()
    writer.close()
    assert journal.load()[0]["seconds"] == round(running.seconds, 1)


def test_a_line_of_figures_stays_until_another_one_comes():
    item = ActivityModel().begin("Upload", "upload")
    item.progress(0.5, "1 of 2 files")
    item.progress(0.6)
    assert (item.fraction, item.text) == (0.6, "1 of 2 files")
    item.restart()
    assert (item.fraction, item.text) == (None, "")
    item.cancelled()
    item.progress(0.9, "too late")
    assert item.fraction != 0.9 and item.text == "Cancelled"


def test_a_failure_is_told_with_its_code_where_it_has_one():
    model = ActivityModel()
    for error, text in (
        (QuotaExceeded("Too many", "2 of 2 are used."), "2 of 2 are used."),
        (ValueError("odd"), "ValueError: odd"), ("in words", "in words"),
    ):  # fmt: skip
        item = model.begin("Launch", "training")
        item.fail(error)
        assert item.text == text and item.error is (error if isinstance(error, Exception) else None)
    model.clear_history()
    assert model.history == [], "without a file, too"


def test_records_that_make_no_sense_are_left_out():
    model = ActivityModel()
    good = {"at": "2024-05-01T12:00:00+00:00", "seconds": 2, "title": "A", "icon": "ok", "state": "failed"}
    model.restore(
        [{"title": "x"}, good | {"state": "running away"}, good | {"at": "yesterday"}, good | {"seconds": "a"}, good]
    )
    assert [item.title for item in model.history] == ["A"]


def test_secrets_do_not_enter_the_history():
    item = ActivityModel().begin("Env", "key")
    item.done("AKIAIOSFODNN7EXAMPLE", cli="export AWS_SECRET_ACCESS_KEY=abc")
    assert "AKIA" not in item.text and "abc" not in item.cli


def test_clearing_forgets_on_disk_too(tmp_path):
    writer = Writer()
    journal = Journal(tmp_path / "activity.jsonl", writer)
    model = ActivityModel(journal)
    model.begin("A", "ok").done()
    model.clear_history()
    writer.close()
    assert model.history == [] and journal.load() == []
