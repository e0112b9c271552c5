"""The frozen values of an evaluation. Times are seconds since 1970, latencies milliseconds; None is not known."""

from __future__ import annotations

from dataclasses import dataclass

from workers.types import Backend

# One of ``workers.files.folder_rules.SPLITS``, or "all".
Split = str
# So many classes of an answer are kept.
TOP = 5


@dataclass(frozen=True)
class Labelled:
    """The pictures of a folder by class: ``pictures`` are (path below ``folder``, the folder of its class).

    ``splits`` are those that the folder has ("": none), ``split`` is the one taken. ``others`` files do not end like
    pictures, ``loose`` are pictures in no class's folder.
    """

    folder: str
    split: Split
    splits: tuple[str, ...]
    pictures: tuple[tuple[str, str], ...]
    others: int = 0
    loose: int = 0

    @property
    def classes(self) -> tuple[str, ...]:
        """The folders of classes, in order."""
        return tuple(dict.fromkeys(name for _, name in self.pictures))


@dataclass(frozen=True)
class Head:
    """What an evaluation is of. ``model`` tells the model behind ``target`` from another one there later."""

    id: str
    target: str
    model: str
    folder: str
    split: Split
    began: float
    account: str
    region: str
    pictures: int
    at_once: int = 4
    endpoint: str = ""


@dataclass(frozen=True)
class Answered:
    """The answer about one picture, best class first; with ``error`` set there is none.

    ``truth`` is the folder it lay in, ``digest`` the SHA-256 of the file.
    """

    path: str
    truth: str
    digest: str
    labels: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    ms: float | None = None
    function_ms: float | None = None
    model_ms: float | None = None
    cold: bool = False
    variant: str = ""
    error: str = ""

    @property
    def top(self) -> str:
        """The class that was answered."""
        return self.labels[0] if self.labels else ""


@dataclass(frozen=True)
class Run:
    """One go: an evaluation that was stopped and resumed has several. ``asked`` are questions sent in it."""

    began: float
    seconds: float
    asked: int


@dataclass(frozen=True)
class Evaluation:
    """All of an evaluation. ``classes`` are the model's, as its answers say; "()": they do not.

    ``cloud_ms``: what CloudWatch counted for the model in those minutes, for all callers together.
    """

    head: Head
    classes: tuple[str, ...] = ()
    answers: tuple[Answered, ...] = ()
    runs: tuple[Run, ...] = ()
    cloud_ms: float | None = None

    @property
    def whole(self) -> bool:
        """True when every picture was asked about."""
        return len(self.answers) >= self.head.pictures

    @property
    def seconds(self) -> float:
        """How long it took, without the pauses between goes."""
        return sum(run.seconds for run in self.runs)


@dataclass(frozen=True)
class Summary:
    """A row of the list of evaluations; figures are 0 to 1."""

    head: Head
    done: int = 0
    failed: int = 0
    accuracy: float | None = None
    top5: float | None = None
    ece: float | None = None
    median_ms: float | None = None
    seconds: float = 0.0

    @property
    def id(self) -> str:
        """The evaluation's."""
        return self.head.id

    @property
    def whole(self) -> bool:
        """True when every picture was asked about."""
        return self.done >= self.head.pictures


@dataclass(frozen=True)
class Request:
    """What the child is told. ``file``: where the answers go; ``model_folder``: of a model on this computer."""

    backend: Backend
    head: Head
    pictures: tuple[tuple[str, str], ...]
    file: str
    model_folder: str = ""


@dataclass(frozen=True)
class Progress:
    """How far it is: ``reused`` of ``done`` were answered in an earlier go; ``right`` of ``judged`` of those so far."""

    done: int
    total: int
    reused: int = 0
    failed: int = 0
    right: int = 0
    judged: int = 0
    per_second: float = 0.0


@dataclass(frozen=True)
class Ended:
    """How a go ended. ``problem``: the error (its wire form as JSON) after which no more was asked; "": none."""

    progress: Progress
    cancelled: bool = False
    problem: str = ""
