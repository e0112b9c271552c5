"""The Data tab in a window of its own, with a real sandbox or without one, for the tests of its parts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from console.tabs.data import TAB
from console.tabs.data.tab import DataTab
from console.widgets.forms.buttons import Button
from tests.helpers.backends import backend_of
from tests.helpers.sandbox import SandboxProcess
from tests.helpers.window import until
from workers.services import Services

SPECS = [TAB]


def open_tab(make_application: Callable[..., Any]) -> tuple[Any, DataTab]:
    application = make_application(SPECS)
    application.show(connect=False)
    tab = application.window.pages.tab("data")
    assert isinstance(tab, DataTab)
    return application, tab


async def connected(application: Any, sandbox: SandboxProcess) -> Services:
    backend = backend_of(sandbox)
    services = Services(backend)
    application.ctx.enter(backend, services, await services.identity())
    return services


async def checked(tab: DataTab, folder: Path) -> None:
    tab.dataset.choose(folder)
    await until(lambda: tab.dataset.state in ("checked", "failed"))


async def in_bucket(tab: DataTab, services: Services, name: str) -> None:
    """Make a bucket beside the window's back and choose it."""
    if name not in [bucket.name for bucket in await services.storage.buckets()]:
        await services.storage.create_bucket(name)
    tab.refresh()
    await until(lambda: name in [bucket.name for bucket in tab.browser.buckets or []])
    tab.bucket_panel.combo.set_value(name)
    await until(lambda: tab.browser.name == name and tab.browser.listed)


async def uploaded(tab: DataTab) -> None:
    assert tab.upload_panel.upload_button.isEnabled(), tab.upload_panel.note
    tab.upload_panel.upload_button.click()
    await until(lambda: not tab.uploading.running)


async def button(parent: Any, text: str) -> Button:
    """The button with this text, once it is there: a layout shows what was just added at the next turn of the loop."""

    def found() -> list[Button]:
        return [button for button in parent.findChildren(Button) if button.text() == text and button.isVisible()]

    await until(found)
    return found()[0]


async def opened(
    make_application: Callable[..., Any], sandbox: SandboxProcess, bucket: str, keys: list[str], versions: bool = False
) -> tuple[Any, DataTab, Services]:
    application, tab = open_tab(make_application)
    services = await connected(application, sandbox)
    client = sandbox.client("s3")
    client.create_bucket(Bucket=bucket)
    if versions:
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in keys:
        client.put_object(Bucket=bucket, Key=key, Body=b"12345")
    await in_bucket(tab, services, bucket)
    await until(lambda: tab.browser.safety is not None and tab.browser.rows)
    return application, tab, services
