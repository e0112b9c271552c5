from __future__ import annotations

import gc
import threading

from console.collector import MIDDLE, YOUNG, Collector


class Knot:
    collected_in: list[str] = []

    def __init__(self):
        self.myself = self

    def __del__(self):
        Knot.collected_in.append(threading.current_thread().name)


def test_cycles_made_in_a_thread_are_collected_by_the_gui_thread_only(qapp, qtbot):
    collector = Collector()
    Knot.collected_in = []
    try:

        def work():
            for _ in range(20 * YOUNG):
                Knot()

        thread = threading.Thread(target=work, name="worker")
        thread.start()
        thread.join()
        assert Knot.collected_in == []
        qtbot.waitUntil(lambda: bool(Knot.collected_in))
        assert set(Knot.collected_in) == {threading.main_thread().name}
    finally:
        collector.stop()
    assert gc.isenabled()


def test_only_what_is_due_is_collected(qapp):
    collector = Collector()
    try:
        gc.collect()
        assert collector.collect() == -1
        kept = [[] for _ in range(YOUNG + 100)]
        assert collector.collect() == 0
        for _ in range(MIDDLE + 2):
            gc.collect(0)
        assert collector.collect() == 1
        assert len(kept) == YOUNG + 100
    finally:
        collector.stop()
