"""What the frame says of a sandbox whose jobs can read the operator's files."""

from __future__ import annotations

from dataclasses import replace

from tests.helpers.window import AWS, SANDBOX, FakeServices, connect, shown


async def test_the_header_says_that_jobs_can_read_the_operators_files_and_only_then(make_application):
    application = await shown(make_application, size=(1024, 700))
    await connect(application)
    header = application.window.header
    assert not header.exposure.isVisible()
    sentence = "Code that the sandbox runs can read your files on this computer: only Linux can shut it out."
    exposed = replace(SANDBOX, exposure=sentence)
    application.ctx.enter(exposed, FakeServices(exposed), await FakeServices(exposed).identity())
    application.connection.changed.emit()
    assert header.exposure.isVisible() and header.exposure.value.accessibleName() == "Jobs can read your files"
    assert header.exposure.toolTip() == header.exposure.value.accessibleDescription() == sentence
    application.ctx.enter(AWS, FakeServices(AWS), await FakeServices(AWS).identity())
    application.connection.changed.emit()
    assert not header.exposure.isVisible()
