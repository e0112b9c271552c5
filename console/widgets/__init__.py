"""Painted and styled widgets of the window; each module's text shows its use. Import from the modules.

==================  =================================================================================================
table               ``ResourceTable(columns, key, noun=, sort=)`` + ``console.models.columns.Column``: every list
buttons             ``Button(text, kind, icon, small=, on=)``, ``IconButton(icon, name, on=)``
segmented, switch   ``Segmented([(key, text)], current)`` → ``changed(str)``, ``Switch(text, checked)`` → ``toggled``
search_field        ``SearchField(placeholder)`` → ``searched(str)``
state_chip          ``StateChip(word or State)``; words and tones in ``console.models.states``
fields              ``LineEdit``, ``NumberField``, ``IntField``, ``ComboBox``: ``value()``, ``set_value``, ``edited``
range_fields        ``RangeField(low, high)``, ``ToggleRow([(key, text)], chosen)``: fields of search ranges
form                ``Form().add(key, title, field, check=)``, ``FormRow``, ``Hint``: checked while one types
lines               ``CheckLine(tone, title, detail, action=)``, ``HintLine``, ``IconLabel``
banner              ``Banner(tone, title, sentence, fix=(text, call, icon), details=)``, ``Banner.of_error(error)``
empty_state         ``EmptyState(icon, title, sentence, primary=(text, call), secondary=)``
skeleton            ``SkeletonRows()``
dialog, confirm     ``await Dialog.ask()``, ``FormDialog(title, form, ok=)``, ``ConfirmDialog(confirmation, cli)``
file_dialog         ``ask_for_folder(parent, title, take)``, ``ask_for_file``, ``ask_for_files``
drop_area           ``DropArea(icon, title, detail, button=)`` → ``dropped(list[Path])``, ``chooseRequested()``
progress            ``ProgressBar(fraction or None)``
log_panel           ``LogPanel(title, head=)``, its ``view``: a ``LogView`` (``append_events``, ``set_live``)
chart               ``LineChart(title, y_format=)`` + ``Series``, ``Threshold``, ``Event`` of ``models.chart``
scatter, parallel   ``ScatterChart`` + ``Dot``; ``ParallelChart`` + ``Axis``, ``Thread``: ``chosen(str key)``
sparkline           ``Sparkline``, ``StackedBar``, ``Histogram``
stacked             ``StackedChart`` + ``Layer``: what adds up, over time
drawn_curve         ``DrawnCurve``: a day that is drawn with the pointer; ``machine_chart``: ``MachineChart``
side_panel          ``SidePanel(title)``: ``add``, ``section``; handed to ``Tab.set_side``
key_values          ``KeyValues([(label, value)], copy=)``
thumbs              ``thumbnails().get(path, side, ratio)``: squares decoded off the GUI thread, cached
thumbnail_grid      ``ThumbnailGrid(columns=)`` + ``Thumb(path, name)``: scrolls through thousands
prediction_grid     ``PredictionGrid()`` + ``Card``, ``Answer`` of ``models.cards``; ``PredictionCard`` for one
confusion_matrix    ``ConfusionMatrix()``; sums in ``models.confusion``
base                ``label(text, role, tone, wrap=, copy=)``, ``set_tone``, painting helpers, ``on_theme(widget)``
==================  =================================================================================================

Words for numbers and times (``bytes_text``, ``duration``, ``ago`` …) are in ``console.models.format``.
"""
