"""The tour's steps for the palette, a chart, undo and links, over stand-in accounts."""

from __future__ import annotations

from console.tour.story_daily import DailySteps
from tests.helpers.inventory import FakeInventory, pictured
from tests.helpers.overview_tab import shown as overview_shown
from tests.helpers.scaling import scaled_account
from tests.helpers.scaling_tab import variant_shown


def steps_of(application, seen):
    async def watch(name):
        seen.append(name)

    return DailySteps(application, watch)


async def test_a_resource_is_found_a_chart_looked_at_and_a_link_followed(make_application):
    application, _ = await overview_shown(make_application, FakeInventory(pictured()))
    seen: list[str] = []
    story = steps_of(application, seen)
    await story.look_closer()
    await story.find("classifier")
    found, closer = story.steps[1].result, story.steps[0].result
    assert found["found"].startswith("dog-classifier") and closer["all_again"] and 0 < closer["hours"] < 24
    assert seen == ["chart-zoomed", "palette"]


async def test_removing_the_scaling_is_undone(make_application):
    application, tab = await variant_shown(make_application, scaled_account())
    application.ctx.ask = application.ask
    seen: list[str] = []
    story = steps_of(application, seen)
    await story.take_back("dog-classifier-multi")
    assert story.steps[0].result["said"].startswith("Undone") and seen == ["undo"]
    assert not [did for did in tab.ctx.services.scaling.did if did[0] == "remove"]
    # The next deletion waits as long as before.
    assert application.ctx.grace_seconds == 0.0
