"""Painted and styled widgets of the window; each module's text shows its use. Import from the modules.

=================  ==================================================================================================
table              ``ResourceTable(columns, key, noun=, sort=)`` + ``console.models.base.Column``: every list
buttons            ``Button(text, kind, icon, small=, on=)``, ``IconButton(icon, name, on=)``
segmented, switch  ``Segmented([(key, text)], current)``, ``Switch(text, checked)``
search_field       ``SearchField(placeholder)`` → ``searched(str)``
state_chip         ``StateChip(word or State)``; words and tones in ``console.models.base_states``
banner             ``Banner(tone, title, sentence, fix=(text, call, icon), details=)``, ``Banner.of_error(error)``
empty_state        ``EmptyState(icon, title, sentence, primary=(text, call), secondary=)``
skeleton           ``SkeletonRows()``
sparkline          ``Sparkline``, ``StackedBar``, ``Histogram``
thumbs             ``thumbnails().get(path, side, ratio)``: squares decoded off the GUI thread, cached
base               ``label(text, role, tone, wrap=, copy=)``, ``set_tone``, painting helpers, ``on_theme(widget)``
=================  ==================================================================================================
"""
