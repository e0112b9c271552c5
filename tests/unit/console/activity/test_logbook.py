from __future__ import annotations

import logging

from console.activity.logbook import Logbook


def test_lines_are_kept_numbered_and_written_without_secrets(tmp_path):
    logbook = Logbook()
    logbook.install(tmp_path / "window.log")
    try:
        logging.getLogger("workers.aws.session").info("first")
        logging.getLogger("console.x").warning("key AKIAIOSFODNN7EXAMPLE")
        logging.getLogger("console.x").debug("too much")
    finally:
        logbook.uninstall()
    first, second = logbook.since(0)
    assert (first.text, second.text) == ("first", "key [access key]")
    assert logbook.since(first.number) == [second]
    text = (tmp_path / "window.log").read_text()
    assert "workers.aws.session: first" in text and "AKIA" not in text
    logging.getLogger("console.x").warning("after the end")
    assert len(logbook.since(0)) == 2


def test_a_log_file_that_cannot_be_made_is_done_without(tmp_path):
    (tmp_path / "file").write_text("")
    logbook = Logbook()
    logbook.install(tmp_path / "file" / "window.log")
    try:
        logging.getLogger("console.x").warning("still here")
    finally:
        logbook.uninstall()
    assert logbook.since(0)[-1].text == "still here"
