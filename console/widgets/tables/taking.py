"""The part of a table's menu that takes things along and keeps views: for every list the same.

Cells and rows go to the clipboard (tab-separated, JSON, Markdown), rows into a CSV file; filter, sorting and columns
are saved under a name.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QApplication, QMenu

from console.look.theme import theme
from console.models.taking import as_csv, as_json, as_markdown, told_columns
from console.widgets.forms.fields import LineEdit
from console.widgets.forms.form import Form
from console.widgets.frames.dialog import FormDialog
from console.widgets.saving import file_name, save_as
from console.widgets.tables.saved_views import SavedView, SavedViews

if TYPE_CHECKING:
    from console.widgets.tables.table import ResourceTable

# What a menu shows of a cell.
_MOST_LETTERS = 48
# Beside the text with tabs that Ctrl+C copies.
_FORMATS = {"JSON": as_json, "Markdown": as_markdown}


def add_taking(table: ResourceTable, menu: QMenu, clicked: int) -> None:
    """Copying in other forms, and a file; ``clicked`` is the column under the pointer, -1 for none."""
    what = "selected" if table.selected_rows() else "all"
    forms = menu.addMenu(theme().icon("copy"), f"Copy {'rows' if what == 'selected' else 'all rows'} as")
    forms.addAction("Text with tabs").triggered.connect(table.view.copy)
    for words, make in _FORMATS.items():
        forms.addAction(words).triggered.connect(
            lambda _=False, make=make: QApplication.clipboard().setText(
                make(table.shown_columns(), table.rows_to_take())
            )
        )
    row = table.current_row()
    if row is not None:
        cells = menu.addMenu(theme().icon("copy"), "Copy cell")
        columns = sorted(
            told_columns(table.shown_columns()), key=lambda column: table.model.columns.index(column) != clicked
        )
        for column in columns:
            text = column.text_of(row)
            shown = text if len(text) <= _MOST_LETTERS else f"{text[: _MOST_LETTERS - 1]}…"
            action = cells.addAction(f"{column.title}: {shown}".replace("&", "&&"))
            action.triggered.connect(lambda _=False, text=text: QApplication.clipboard().setText(text))
    save = menu.addAction(theme().icon("download"), f"Save {'rows' if what == 'selected' else 'all rows'} as CSV…")
    save.triggered.connect(partial(save_rows, table))


def save_rows(table: ResourceTable, _checked: bool = False) -> None:
    """Ask where the rows go as CSV, and write them: those selected, else all that are shown."""
    name = file_name(table.view.accessibleName() or "rows", "csv")
    columns, rows = table.shown_columns(), table.rows_to_take()
    save_as(table, "Save as CSV", name, "Table (*.csv)", lambda: "\ufeff" + as_csv(columns, rows), apart=True)


def add_views(table: ResourceTable, menu: QMenu, views: SavedViews) -> None:
    """The saved views of the table, and saving the present one."""
    kept = views.all()
    inside = menu.addMenu(theme().icon("eye"), "Views")
    now = table.present_view()
    for name, view in kept.items():
        action = inside.addAction(name.replace("&", "&&"))
        action.setCheckable(True)
        action.setChecked(view == now)
        action.triggered.connect(lambda _=False, view=view: table.show_view(view))
    inside.addSeparator()
    inside.addAction("Save this view…").triggered.connect(lambda: ask_name(table, views, now))
    remove = inside.addMenu("Remove a view")
    remove.setEnabled(bool(kept))
    for name in kept:
        remove.addAction(name.replace("&", "&&")).triggered.connect(lambda _=False, name=name: views.remove(name))


def ask_name(table: ResourceTable, views: SavedViews, view: SavedView) -> FormDialog:
    """Ask what the view is to be called, and save it."""
    form = Form()
    form.add("name", "Name", LineEdit("", "for example: running, dearest first"), check=views.problem)
    words = "Filter, sorting and columns of this list, to be chosen again from the list's menu."
    dialog = FormDialog("Save this view", form, ok="Save", text=words, parent=table)
    dialog.accepted.connect(lambda form=form: views.save(str(form.values()["name"]).strip(), view))
    dialog.open()
    return dialog
