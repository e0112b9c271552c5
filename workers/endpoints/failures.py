"""Why an endpoint did not come up, in words one can act on, from AWS's FailureReason."""

from __future__ import annotations

import re

from workers.training.failures import Failure, last_exception, sentence

# AWS's words, after which the sandbox puts the last lines of the container's log.
_PING = re.compile(r"^The .*?container.*? did not pass the ping health check\b.*?(?:Last lines: |$)", re.DOTALL)
_NO_MODEL_HINT = "Deploy a job that has finished with SageDeck's training script."
_LOG_HINT = "The endpoint's log has its last words."
# Pattern over the reason, summary, hint. The first that matches wins, so the special come first.
_KNOWN: tuple[tuple[str, str, str], ...] = (
    (
        r"(?:No such file|FileNotFoundError|not found|has no).{0,300}?(classes\.json|model\.pth|inference\.py)",
        "What was deployed is no model: it has no {0}.",
        _NO_MODEL_HINT,
    ),
    (
        r"(?:Failed to load|provide a model_fn)",
        "What was deployed is no model that the endpoint can load.",
        _NO_MODEL_HINT,
    ),
    (
        r"Failed to extract model data archive",
        "What was deployed is no tar.gz archive.",
        _NO_MODEL_HINT,
    ),
    (
        r"(?:NoSuchKey|Could not find model data at|specified key does not exist).*?(s3://[^\s\"',]+)?",
        "The model file is not there any more.",
        "Deploy a job whose model is still in S3.",
    ),
    (
        r"No module named '?([\w.]+)'?",
        "The model's code needs the package {0}, which is not installed.",
        "Add it to code/requirements.txt in the model, and deploy it again.",
    ),
    (
        r"OutOfMemory|MemoryError|Cannot allocate memory|\bOOM\b",
        "The instance has too little memory for the model.",
        "Choose an instance type with more memory.",
    ),
    (
        r"insufficient capacity|InsufficientInstanceCapacity",
        "AWS has no free instance of this type now.",
        "Try again later, or choose another instance type.",
    ),
    (
        r"Access ?Denied|is not authorized to perform",
        "The endpoint's role may not read the model.",
        "Compare the role's policy with the details below.",
    ),
    (
        r"was not loaded after (\d+) s",
        "The model was not loaded after {0} s.",
        _LOG_HINT,
    ),
)


def explain_endpoint(reason: str) -> Failure:
    """What a FailureReason of an endpoint means: one plain sentence, what to do, and AWS's own text as details."""
    reason = reason.strip()
    if not reason:
        return Failure("AWS gave no reason.", _LOG_HINT)
    for pattern, summary, hint in _KNOWN:
        match = re.search(pattern, reason, re.IGNORECASE | re.DOTALL)
        if match:
            return Failure(summary.format(*match.groups()), hint, reason)
    found = last_exception(reason.splitlines())
    if found:
        return Failure(sentence(f"The model could not be loaded: {found[1] or found[0]}"), _LOG_HINT, reason)
    body = _PING.sub("", reason).strip()
    if body != reason:
        return Failure("The model did not start to answer.", _LOG_HINT, reason)
    return Failure(sentence(body.splitlines()[0]), "", reason if "\n" in reason else "")
