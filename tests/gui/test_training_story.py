"""Tuning, several hosts and the comparison with the real widgets against a real sandbox process, in small."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from console.tabs import TABS
from console.tour.story import Story
from workers.account import sandbox as local_account


@pytest.mark.integration
async def test_tune_train_with_the_best_and_compare(tmp_path: Path, make_application: Callable[..., Any]) -> None:
    state = tmp_path / "sandbox"
    application = make_application(specs=TABS, state_dir=state)
    application.window.resize(1440, 900)
    application.show()
    story = Story(application, tmp_path / "dogs")
    try:
        await story.connect()
        await story.samples(classes=3, per_class=12)
        await story.upload()
        await story.tune(jobs=3, parallel=2, epochs=3, batches=(16, 32))
        tab = application.window.pages.tab("training")
        trials, curves = tab.tuning.trials, tab.tuning.curves
        board = tab.tuning.board.model.visible_rows()
        rows = {row.name: row for row in tab.table.model.rows()}
        await story.compare(hosts=2)
    finally:
        await local_account.stop(state)

    assert len(trials) == 3
    assert [trial.rank for trial in board] == [1, 2, 3]
    assert all(len(curves[trial.name]) >= 1 for trial in trials)
    row = rows[story.tuning_name]
    assert row.kind == "Tuning, 3 trials"
    assert row.accuracy == board[0].objective
    assert row.cost and row.cost > 0
    assert not any(trial.name in rows for trial in trials), "trials are not rows of their own"
    best = board[0].hyperparameters
    single, several = tab.compare.rows
    for job in (single.job, several.job):
        given = {name: value.strip('"') for name, value in job.hyperparameters.items()}
        assert given["batch_size"] == best["batch_size"]
        assert float(given["learning_rate"]) == pytest.approx(float(best["learning_rate"]), rel=1e-4)
    assert (single.kind, several.kind) == ("Single job", "2 hosts")
    assert "Instances" in [fact.name for fact in tab.compare.facts]
    assert "Learning rate" not in [fact.name for fact in tab.compare.facts], "what is the same is left out"
