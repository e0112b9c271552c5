"""What the services know of the resources that requests name: their tags and what else policies ask about.

A service tells at its start how to find it; access control asks while it decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

About = Callable[[str], Mapping[str, str]]


class Known:
    """The condition keys of existing resources, by the service in their ARNs."""

    def __init__(self) -> None:
        self._about: dict[str, About] = {}

    def tell(self, service: str, about: About) -> None:
        """``about`` gives the condition keys of a resource of ``service``, by its ARN; none for an unknown one."""
        self._about[service] = about

    def of(self, arn: str) -> Mapping[str, str]:
        """The condition keys of a resource; none where nobody knows it."""
        parts = arn.split(":", 5)
        about = self._about.get(parts[2]) if len(parts) == 6 else None
        return about(arn) if about is not None and "*" not in parts[5] else {}


def tag_keys(tags: Mapping[str, str], *prefixes: str) -> dict[str, str]:
    """The condition keys of a resource's tags: ``aws:ResourceTag/K``, and the same under each of ``prefixes``."""
    return {f"{prefix}/{key}": value for key, value in tags.items() for prefix in ("aws:ResourceTag", *prefixes)}
