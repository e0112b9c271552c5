from __future__ import annotations

import asyncio
import gc

from console.tasks import TaskRegistry


def run(body):
    return asyncio.run(asyncio.wait_for(body(), 60))


def registry():
    reported = []
    return TaskRegistry(lambda label, error: reported.append((label, error))), reported


def test_a_task_survives_garbage_collection_and_returns_its_value():
    async def body():
        tasks, reported = registry()
        gate = asyncio.Event()

        async def work():
            await gate.wait()
            return 7

        task = tasks.start(work(), label="Work")
        gc.collect()
        gate.set()
        assert await task == 7
        await asyncio.sleep(0)
        assert len(tasks) == 0 and reported == []

    run(body)


def test_an_error_is_reported_once_with_its_label():
    async def body():
        tasks, reported = registry()

        async def work():
            raise ValueError("no")

        await asyncio.wait([tasks.start(work(), label="Reading the bucket")])
        await asyncio.sleep(0)
        [(label, error)] = reported
        assert label == "Reading the bucket" and isinstance(error, ValueError)

    run(body)


def test_on_error_takes_the_error_and_its_own_failure_is_reported():
    async def body():
        tasks, reported = registry()
        taken = []

        async def work():
            raise ValueError("no")

        def bad_handler(error):
            raise KeyError("handler")

        await asyncio.wait(
            [
                tasks.start(work(), label="One", on_error=taken.append),
                tasks.start(work(), label="Two", on_error=bad_handler),
            ]
        )
        await asyncio.sleep(0)
        assert [type(error) for error in taken] == [ValueError]
        assert [(label, type(error)) for label, error in reported] == [("Two", KeyError)]

    run(body)


def test_a_newer_task_with_the_same_key_cancels_the_older():
    async def body():
        tasks, reported = registry()
        old = tasks.start(asyncio.sleep(60), label="List", key="rows")
        new = tasks.start(asyncio.sleep(0, "fresh"), label="List", key="rows")
        assert await new == "fresh"
        assert old.cancelled() and reported == []
        assert not tasks.running("rows")

    run(body)


def test_the_end_of_a_replaced_task_leaves_its_successor_cancellable():
    async def body():
        tasks, _ = registry()
        old = tasks.start(asyncio.sleep(60), label="List", key="rows")
        new = tasks.start(asyncio.sleep(60), label="List", key="rows")
        await asyncio.wait([old])
        # What was to be done at its end is done one turn later.
        await asyncio.sleep(0)
        assert len(tasks) == 1
        assert tasks.running("rows")
        assert tasks.cancel("rows")
        await asyncio.wait([new])
        assert new.cancelled() and not tasks.cancel("rows")

    run(body)


def test_leaving_a_backend_cancels_its_tasks_but_not_the_caller_or_the_window_s():
    async def body():
        tasks, _ = registry()
        backend = tasks.start(asyncio.sleep(60), label="Poll")
        window = tasks.start(asyncio.sleep(60), label="Draw", scope="window")

        async def switch():
            return tasks.cancel_scope("backend")

        assert await tasks.start(switch(), label="Switch") == 1
        await asyncio.wait([backend])
        assert backend.cancelled() and not window.done()
        await tasks.close()

    run(body)


def test_close_gathers_and_names_what_does_not_end():
    async def body():
        tasks, _ = registry()
        release = asyncio.Event()

        async def stubborn():
            while not release.is_set():
                try:
                    await release.wait()
                except asyncio.CancelledError:
                    continue

        quick = tasks.start(asyncio.sleep(60), label="Quick")
        slow = tasks.start(stubborn(), label="Stubborn")
        await asyncio.sleep(0)
        assert await tasks.close(timeout=0.05) == ["Stubborn"]
        assert quick.cancelled()
        release.set()
        await slow

    run(body)


def test_nothing_begins_after_close():
    async def body():
        tasks, reported = registry()
        await tasks.close()
        began = []

        async def late():
            began.append(1)

        task = tasks.start(late(), label="Late")
        await asyncio.wait([task])
        assert task.cancelled() and began == [] and reported == []

    run(body)


def test_what_fails_as_its_account_is_left_tells_nobody():
    async def body():
        tasks, reported = registry()
        taken = []

        async def work():
            raise ValueError("of the account before")

        for handler in (taken.append, None):
            task = tasks.start(work(), label="Reading", on_error=handler)
            # It has ended when the scope is left, but its end is not told yet.
            asyncio.get_running_loop().call_soon(tasks.cancel_scope, "backend")
            await asyncio.wait([task])
            await asyncio.sleep(0)
        assert taken == [] and reported == [] and len(tasks) == 0

    run(body)
