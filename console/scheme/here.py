"""The registration of the system that the program runs on."""

from __future__ import annotations

import sys

from console.scheme.registration import Impossible, Registration, own_program

NO_BUNDLE = (
    "macOS asks for an application bundle that names the scheme, and SageDeck is a program of Python without one: "
    "paste links into Ctrl+K, or run sagedeck LINK."
)


def registration(platform: str = sys.platform) -> Registration:
    """For this computer and this user."""
    if platform == "darwin":
        return Impossible(NO_BUNDLE)
    if platform == "win32":
        from console.scheme.windows import WindowsRegistration

        return WindowsRegistration(own_program())
    from console.scheme.desktop import DesktopRegistration

    return DesktopRegistration(own_program())
