from __future__ import annotations

import logging

from console.notify import REPEAT_SECONDS, Notifier
from workers.errors.tree import AccessDenied, Fix


def make():
    now = [100.0]
    notifier = Notifier(clock=lambda: now[0])
    seen = []
    notifier.listen(lambda notice: seen.append((notice.title, notice.count)))
    return notifier, seen, now


def test_a_repeated_message_is_counted_not_repeated():
    notifier, seen, now = make()
    notifier.warn("Throttled", "Slow down")
    now[0] += 5
    notifier.warn("Throttled", "Slow down")
    assert seen == [("Throttled", 1), ("Throttled", 2)]
    assert len(notifier.notices) == 1


def test_the_same_words_much_later_are_a_new_message():
    notifier, seen, now = make()
    notifier.warn("Throttled")
    now[0] += REPEAT_SECONDS["warn"] + 1
    notifier.warn("Throttled")
    assert seen == [("Throttled", 1), ("Throttled", 1)]


def test_trouble_met_at_every_refresh_is_one_message_and_a_success_told_twice_is_two():
    notifier, seen, now = make()
    for _ in range(3):
        notifier.error("No answer from AWS")
        notifier.success("Copied")
        now[0] += 60
    assert seen == [(word, times) for at in (1, 2, 3) for word, times in (("No answer from AWS", at), ("Copied", 1))]


def test_other_text_or_level_is_another_message():
    notifier, _, _ = make()
    notifier.warn("Upload", "one file")
    notifier.warn("Upload", "two files")
    notifier.error("Upload", "two files")
    assert [notice.level for notice in notifier.notices] == ["warn", "warn", "error"]


def test_an_error_of_the_workers_brings_its_words_and_the_button_of_its_fix():
    notifier, _, _ = make()
    done = []
    notifier.fix_handler = lambda error: lambda: done.append(error.fix.action)
    error = AccessDenied(
        "Not allowed", "You may not read the bucket.", "Ask for s3:ListBucket.", fix=Fix("Grant just this", "grant")
    )
    notice = notifier.error(error)
    assert (notice.title, notice.text) == ("Not allowed", "You may not read the bucket. Ask for s3:ListBucket.")
    label, act = notice.action
    act()
    assert label == "Grant just this" and done == ["grant"]


def test_a_fix_that_nobody_handles_gets_no_button():
    notifier, _, _ = make()
    notifier.fix_handler = lambda error: None
    assert notifier.error(AccessDenied("No", "No.", fix=Fix("Raise", "raise_quota"))).action is None


def test_an_unexpected_error_is_logged_with_its_traceback(caplog):
    notifier, _, _ = make()
    with caplog.at_level(logging.ERROR, logger="console.notify"):
        try:
            raise ZeroDivisionError("oops")
        except ZeroDivisionError as error:
            notice = notifier.error(error, "Drawing failed")
    assert notice.title == "Drawing failed" and "ZeroDivisionError: oops" in notice.text
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records)


def test_a_listener_can_stop():
    notifier, seen, _ = make()
    more = []
    stop = notifier.listen(more.append)
    notifier.info("One")
    stop()
    notifier.info("Two")
    assert [notice.title for notice in more] == ["One"] and len(seen) == 2
