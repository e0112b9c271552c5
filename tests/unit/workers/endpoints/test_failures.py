"""Why an endpoint did not come up: one plain sentence, whatever AWS or a Python traceback says."""

from __future__ import annotations

import pytest

from workers.endpoints.failures import explain_endpoint

PING = (
    "The primary container for production variant AllTraffic did not pass the ping health check. Please check "
    "CloudWatch logs for this endpoint."
)
TRACEBACK = f"{PING} Last lines: Traceback (most recent call last):\n  File x"
NO_CLASSES = (
    f"{PING} Last lines: Traceback (most recent call last):\n"
    '  File "/opt/ml/model/code/inference.py", line 58, in model_fn\n'
    '    about = json.loads((folder / "classes.json").read_text(encoding="utf-8"))\n'
    "FileNotFoundError: [Errno 2] No such file or directory: '/opt/ml/model/classes.json'"
)


@pytest.mark.parametrize(
    ("reason", "summary"),
    [
        ("", "AWS gave no reason."),
        (PING, "The model did not start to answer."),
        (NO_CLASSES, "What was deployed is no model: it has no classes.json."),
        (NO_CLASSES[:300], "The model did not start to answer."),
        (
            f"{TRACEBACK}\nModuleNotFoundError: No module named 'timm'",
            "The model's code needs the package timm, which is not installed.",
        ),
        (
            f"{TRACEBACK}\nValueError: The weights do not fit.\n",
            "The model could not be loaded: The weights do not fit.",
        ),
        (
            "Failed to load /opt/ml/model/model.pth. Please ensure model is saved using torchscript, or provide a "
            "model_fn.",
            "What was deployed is no model that the endpoint can load.",
        ),
        (
            'Failed to extract model data archive for container "container_1" from URL "s3://b/m.tar.gz". Please '
            "ensure that the object located at the URL is a valid tar.gz archive. It is not a readable archive (x)",
            "What was deployed is no tar.gz archive.",
        ),
        (
            "The model of production variant AllTraffic cannot be used: NoSuchKey: s3://b/m.tar.gz",
            "The model file is not there any more.",
        ),
        (
            "Request to service failed. Reason: insufficient capacity in the zone",
            "AWS has no free instance of this type now.",
        ),
        (f"{PING} Last lines: The model was not loaded after 600 s.", "The model was not loaded after 600 s."),
        ("Something else happened", "Something else happened."),
    ],
)
def test_a_reason_is_one_plain_sentence(reason: str, summary: str) -> None:
    failure = explain_endpoint(reason)
    assert failure.summary == summary
    assert "Traceback" not in failure.text.split("\n\n")[0]
    assert reason.strip() in (failure.details, failure.details or reason.strip())
