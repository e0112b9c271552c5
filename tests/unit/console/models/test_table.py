"""Rows by key: what a view sees while rows are refreshed, sorted and filtered."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QCoreApplication, QPersistentModelIndex, Qt
from PySide6.QtTest import QAbstractItemModelTester

from console.models.columns import DASH, Column, natural_key
from console.models.states import State
from console.models.table import RowTableModel, tsv

ASCENDING = Qt.SortOrder.AscendingOrder
DESCENDING = Qt.SortOrder.DescendingOrder

COLUMNS = (
    Column("name", "Name", kind="name"),
    Column("status", "State", kind="state"),
    Column("price", "$ per hour", kind="number", format=lambda value, row: f"{value:.3f}"),
)


@dataclass(frozen=True)
class Item:
    name: str
    status: str = "InService"
    price: float | None = 0.1


@pytest.fixture
def model(qapp: QCoreApplication) -> RowTableModel:
    return RowTableModel(COLUMNS, "name")


def names(model: RowTableModel) -> list[str]:
    return [row.name for row in model.visible_rows()]


def test_texts_of_every_kind(model: RowTableModel) -> None:
    model.set_rows([Item("a", price=None), Item("b", price=0.25)])
    assert model.index(0, 0).data() == "a"
    assert model.index(0, 1).data() == "InService"
    assert model.index(0, 2).data() == DASH
    assert model.index(1, 2).data() == "0.250"


def test_mapping_rows_and_computed_values(qapp: QCoreApplication) -> None:
    table = RowTableModel([Column("n", "N", value=lambda row: row["x"] * 2)], key=lambda row: row["id"])
    table.set_rows([{"id": 1, "x": 1500}])
    assert table.index(0, 0).data() == "3,000"


def test_sort_numbers_in_names_and_missing_values_last(model: RowTableModel) -> None:
    model.set_rows([Item("job-10", price=3), Item("Job-9", price=None), Item("job-1", price=2)])
    model.sort(0, ASCENDING)
    assert names(model) == ["job-1", "Job-9", "job-10"]
    model.sort(2, ASCENDING)
    assert names(model) == ["job-1", "job-10", "Job-9"]
    model.sort(2, DESCENDING)
    assert names(model) == ["job-10", "job-1", "Job-9"]


def test_a_refresh_keeps_persistent_indexes(model: RowTableModel) -> None:
    model.sort(0, ASCENDING)
    model.set_rows([Item("b"), Item("d"), Item("f")])
    index = QPersistentModelIndex(model.index(1, 0))
    model.set_rows([Item("a"), Item("c"), Item("d", price=9), Item("g")])
    assert index.isValid() and index.row() == 2
    assert model.row_at(index.row()).price == 9
    model.sort(0, DESCENDING)
    assert index.row() == 1 and index.data() == "d"


def test_a_row_taken_away_can_still_be_read_while_it_leaves(model: RowTableModel) -> None:
    model.set_rows([Item("a"), Item("b")])
    seen: list[str] = []
    model.rowsAboutToBeRemoved.connect(lambda parent, first, last: seen.append(model.index(first, 0).data()))
    model.set_rows([Item("b")])
    assert seen == ["a"]


def test_only_changed_rows_are_announced(model: RowTableModel) -> None:
    model.set_rows([Item("a"), Item("b"), Item("c")])
    spans: list[tuple[int, int]] = []
    model.dataChanged.connect(lambda first, last, roles: spans.append((first.row(), last.row())))
    model.set_rows([Item("a"), Item("b", price=7), Item("c")])
    assert spans == [(1, 1)]
    model.set_rows([Item("a"), Item("b", price=7), Item("c")])
    assert spans == [(1, 1)]


def test_filter_takes_every_word_and_counts_the_hidden(model: RowTableModel) -> None:
    model.set_rows([Item("dog-one", "Failed"), Item("dog-two"), Item("cat", "Failed")])
    model.set_filter("DOG fail")
    assert names(model) == ["dog-one"]
    assert (model.total, model.hidden, model.filtered) == (3, 2, True)
    model.set_rows([Item("dog-one"), Item("dog-two", "Failed")])
    assert names(model) == ["dog-two"]
    model.set_filter("")
    assert (model.hidden, model.filtered) == (0, False)


def test_predicate_and_filter_work_together(model: RowTableModel) -> None:
    model.set_rows([Item("a1", price=1), Item("a2", price=5), Item("b", price=5)])
    model.set_predicate(lambda row: row.price > 2)
    model.set_filter("a")
    assert names(model) == ["a2"]


def test_upsert_and_remove(model: RowTableModel) -> None:
    model.set_rows([Item("a"), Item("b")])
    model.upsert([Item("b", price=2), Item("c")])
    assert [(row.name, row.price) for row in model.visible_rows()] == [("a", 0.1), ("b", 2), ("c", 0.1)]
    model.remove(["a", "unknown"])
    assert names(model) == ["b", "c"]


def test_copy_as_tab_separated_text() -> None:
    text = tsv(COLUMNS, [Item("two\nlines", "Failed", 0.5)])
    assert text == "Name\tState\t$ per hour\ntwo lines\tFailed\t0.500"


def test_states_keep_tone_under_a_formatted_word() -> None:
    column = Column("status", "State", kind="state", format=lambda value, row: "6 denied")
    state = column.state_of({"status": "Denied"})
    assert state == State("6 denied", "err") and state is not None and state.tint == "errTint"
    assert Column("s", "S", kind="state").state_of({"s": "InService"}).tint is None


def test_natural_order_of_some_names() -> None:
    def order(*names: str) -> list[str]:
        return sorted(names, key=natural_key)

    assert order("Zebra", "Äffchen", "Affe", "Arzt") == ["Äffchen", "Affe", "Arzt", "Zebra"]
    assert order("img10", "img2", "IMG1") == ["IMG1", "img2", "img10"]
    assert order("Ørsted", "Ostern", "Otter", "Zoo") == ["Ørsted", "Ostern", "Otter", "Zoo"]
    assert order("x" + "9" * 5000, "x8") == ["x8", "x" + "9" * 5000]


@given(st.text(max_size=8), st.text(max_size=8))
def test_natural_keys_always_compare(left: str, right: str) -> None:
    assert (natural_key(left) <= natural_key(right)) or (natural_key(right) <= natural_key(left))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=20), min_size=2, max_size=5),
    st.booleans(),
)
def test_any_series_of_refreshes_is_a_lawful_model_change(
    qapp: QCoreApplication, refreshes: list[list[tuple[int, int]]], by_price: bool
) -> None:
    model = RowTableModel(COLUMNS, "name")
    tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
    model.sort(2 if by_price else 0, DESCENDING)
    for refresh in refreshes:
        rows = {f"n{number}": Item(f"n{number}", price=price) for number, price in refresh}
        index = QPersistentModelIndex(model.index(model.rowCount() // 2, 0)) if model.rowCount() else None
        key = model.key_at(index.row()) if index is not None else None
        model.set_rows(rows.values())
        assert {row.name: row for row in model.visible_rows()} == rows
        assert names(model) == [row.name for row in sorted(model.visible_rows(), key=_order(by_price), reverse=True)]
        if index is not None:
            assert index.isValid() == (key in rows)
            assert not index.isValid() or model.key_at(index.row()) == key
    del tester


def _order(by_price: bool):
    return (lambda row: row.price) if by_price else (lambda row: natural_key(row.name))


def test_ten_thousand_rows_sort_and_refresh_quickly(model: RowTableModel) -> None:
    rows = [Item(f"resource-{at * 7919 % 10_000}", price=at % 97) for at in range(10_000)]
    began = time.thread_time()
    model.set_rows(rows)
    model.sort(0, ASCENDING)
    model.sort(2, DESCENDING)
    model.set_filter("resource-99")
    model.set_filter("")
    assert time.thread_time() - began < 3.0
    assert model.rowCount() == 10_000
