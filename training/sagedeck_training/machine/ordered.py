"""Work in threads, results in order."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    workers: int,
    *,
    ahead: int = 0,
    prepare: Callable[[], object] | None = None,
) -> Iterator[Result]:
    """``work`` on every item in ``workers`` threads, results in order.

    At most ``2 x workers + ahead`` results are there before they are asked for.
    Threads and not processes: Pillow and torch work without the interpreter's lock, and threads cost neither
    a second start of the interpreter nor a copy of the pixels. ``prepare`` runs once in every thread.
    """
    with ThreadPoolExecutor(workers, thread_name_prefix="pictures", initializer=prepare) as pool:
        source = iter(items)
        begun: deque[Future[Result]] = deque()
        begun.extend(pool.submit(work, item) for item in itertools.islice(source, 2 * workers + ahead))
        try:
            while begun:
                result = begun.popleft().result()
                begun.extend(pool.submit(work, item) for item in itertools.islice(source, 1))
                yield result
        finally:
            for future in begun:
                future.cancel()
