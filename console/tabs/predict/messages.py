"""What the Predict tab says besides answers: why there are no cards, and what is wrong with an endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from console.models.format import count
from console.tabs.predict.choice import TargetChoice
from console.tabs.predict.pictures import Picture
from console.widgets.frames.banner import BannerTone
from console.widgets.frames.empty_state import EmptyState
from workers.errors.tree import NotFound, SageDeckError
from workers.inference.targets import words_of

Action = Callable[[], object]


@dataclass(frozen=True)
class Actions:
    """What the buttons of these messages do."""

    choose: Action
    refresh: Action
    show_all: Action
    go_to_endpoints: Action
    go_to_training: Action


def fill_empty(
    empty: EmptyState,
    choice: TargetChoice,
    pictures: Sequence[Picture],
    connected: bool,
    do: Actions,
    *,
    collecting: bool = False,
    what: str = "wrong answers",
) -> None:
    """Say why there are no cards, and offer the next step; ``collecting`` while folders are looked through.

    ``what`` the filter looks for."""
    if collecting and not pictures:
        empty.set_content("wait", "Looking for pictures…", "")
    elif pictures:
        answered = all(name in picture.answers for picture in pictures for name in choice.asked)
        words = f"No {what}" if answered else f"No {what} so far"
        hidden = f"{count(len(pictures), 'picture')} {'is' if len(pictures) == 1 else 'are'} hidden by the filter."
        empty.set_content("filter", words, hidden, ("Show all", do.show_all))
    elif choice.asked or choice.gone:
        empty.set_content(
            "predict", "No pictures yet", "Drop some anywhere on the window.", ("Choose pictures…", do.choose)
        )
    elif not connected:
        empty.set_content("endpoints", "Not connected", "Endpoints appear when an account is connected.")
    elif choice.state == "failed":
        error = choice.error
        words = error.title if isinstance(error, SageDeckError) else "The endpoints cannot be read"
        sentence = f"{error.message} {error.hint}".strip() if isinstance(error, SageDeckError) else ""
        empty.set_content("err", words, sentence, ("Try again", do.refresh))
    elif choice.state == "unknown":
        empty.set_content("endpoints", "Reading the endpoints…", "")
    elif choice.coming:
        empty.set_content("endpoints", *_coming(choice.coming), ("Go to Endpoints", do.go_to_endpoints))
    else:
        empty.set_content(
            "endpoints",
            "No endpoint is in service",
            f"Deploy a trained model, then drop pictures here. {_instead(choice)}".strip(),
            ("Go to Endpoints", do.go_to_endpoints),
            ("Go to Training", do.go_to_training),
        )


def _instead(choice: TargetChoice) -> str:
    """What can be asked without an endpoint, or why not."""
    if choice.some:
        return "A finished job's model can also be asked on this computer: choose it above."
    return f"A model on this computer cannot be asked: {choice.unread['model']}." if "model" in choice.unread else ""


def _coming(names: Sequence[str]) -> tuple[str, str]:
    if len(names) == 1:
        return (
            f"{names[0]} is being created",
            "Pictures can be dropped now: they are asked as soon as it is in service.",
        )
    return (
        f"{len(names)} endpoints are being created",
        "Pictures can be dropped now; the first one in service is asked.",
    )


@dataclass(frozen=True)
class Trouble:
    """What the banner says; ``again`` when asking again is the way out, else ``error`` may know a better one."""

    tone: BannerTone
    title: str
    sentence: str
    again: bool = False
    error: SageDeckError | None = None


def trouble(choice: TargetChoice, pictures: Sequence[Picture], stopped: dict[str, SageDeckError]) -> Trouble | None:
    """What stands in the way of answers while there are cards, the worst first."""
    if not pictures:
        return None
    names = choice.asked
    for name in names:
        unasked = sum(name not in picture.answers or bool(picture.answers[name].error) for picture in pictures)
        if name in choice.gone:
            left = f"{count(unasked, 'picture')} got no answer from it. " if unasked else ""
            return Trouble(
                "warn",
                f"{words_of(name)} does not answer any more",
                f"{left}It was deleted or is out of service. Choose another one.",
            )
        error = stopped.get(name)
        if error is not None and not isinstance(error, NotFound):
            sentence = f"{count(unasked, 'picture')} got no answer from {words_of(name)}. {error.message} {error.hint}"
            return Trouble("err", error.title, sentence.strip(), True, error)
    if not names and choice.state == "listed":
        if choice.coming:
            return Trouble("info", *_coming(choice.coming))
        return Trouble("warn", "No endpoint is in service", "Deploy a trained model: the pictures are kept meanwhile.")
    return None
