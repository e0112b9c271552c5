"""Runs moto's own tests against moto and against us, and says of each of ours: right, refused, nearer to AWS, or wrong.

Only tests count that moto's own server passes and that ask it anything. Of ours, a test that passes is *right*. One
that ends at a call that we refuse openly (``NotImplemented``, or a rule of AWS's in ``refused.toml``) is *refused*. One
that stands in ``nearer.toml`` expects of AWS what AWS does not do. Any other is *wrong*.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.compat.environments import CACHE, REPOSITORY, environment
from tests.compat.outcome import NotJudged, Outcome

HERE = Path(__file__).parent
SERVICES = {
    "STS": ("test_sts",),
    "CloudWatch": ("test_cloudwatch",),
    "Logs": ("test_logs",),
    "Lambda": ("test_awslambda",),
    "SageMaker": ("test_sagemaker", "test_sagemakerruntime"),
    "IAM": ("test_iam",),
    "S3": ("test_s3", "test_s3bucket_path"),
}
RIGHT, REFUSED, NEARER, WRONG = "right", "refused", "nearer", "wrong"
KINDS = (RIGHT, REFUSED, NEARER, WRONG)
# One test that waits for what never comes must not hold up the others.
TEST_SECONDS = 300
Line = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What is said of one test, and why."""

    test: str
    kind: str
    why: str
    line: Line


def sources() -> Path:
    """moto's sources of the version that is installed here, with its tests."""
    wanted = version("moto")
    folder = CACHE / f"moto-{wanted}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-binary", "moto", "--no-deps"),
                *("--dest", str(CACHE), f"moto=={wanted}"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise NotJudged(f"the sources of moto {wanted}: {done.stderr.strip()[-400:]}")
        with tarfile.open(CACHE / f"moto-{wanted}.tar.gz") as archive:
            archive.extractall(CACHE, filter="data")
    return folder


def run(ask: str, targets: Iterable[str], workers: int) -> dict[str, Line]:
    """Run tests (folders or ids, below moto's ``tests``) and return what became of each."""
    folder = sources()
    programs = environment(
        "moto", f"moto[all,server]=={version('moto')}", f"boto3=={version('boto3')}",
        *("pytest", "pytest-xdist", "pytest-timeout", "freezegun", "requests", "cryptography", "xmltodict"),
    )  # fmt: skip
    results = CACHE / "results" / f"{ask}-{os.getpid()}"
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    states = CACHE / f"states-{os.getpid()}"
    shutil.rmtree(states, ignore_errors=True)
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOTO_", "PYTEST_"))},
        "PYTHONPATH": str(HERE),
        "COMPAT_ASK": ask,
        "COMPAT_RESULTS": str(results),
        "COMPAT_STATES": str(states),
        "COMPAT_PYTHON": sys.executable,
        # Another copy of the sources may be the one that is asked.
        "COMPAT_REPOSITORY": os.environ.get("COMPAT_REPOSITORY", str(REPOSITORY)),
        "OMP_NUM_THREADS": "1",
    }
    with open(results / "output", "wb") as output:
        subprocess.run(
            [
                *(programs / "python", "-m", "pytest", "-p", "plugin", "-q", "--tb=short", "-n", str(workers)),
                *("--dist", "loadfile", "--timeout", str(TEST_SECONDS), *targets),
            ],
            cwd=folder,
            env=environ,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    found: dict[str, Line] = {}
    for file in sorted(results.glob("*.jsonl")):
        for text in file.read_text(encoding="utf-8").splitlines():
            line = json.loads(text)
            if found.get(line["test"], {}).get("outcome") != "failed":
                found[line["test"]] = line
    shutil.rmtree(states, ignore_errors=True)
    return found


def baseline(service: str, workers: int) -> dict[str, Line]:
    """What moto's own server makes of its tests of a service; asked once, and kept."""
    kept = CACHE / f"baseline-{version('moto')}-{version('boto3')}-{service}.json"
    if not kept.exists():
        kept.write_text(json.dumps(run("stock", [f"tests/{name}" for name in SERVICES[service]], workers)))
    found: dict[str, Line] = json.loads(kept.read_text(encoding="utf-8"))
    return {test: line for test, line in found.items() if line["outcome"] == "passed" and line["requests"]}


def rules() -> list[tuple[str, re.Pattern[str], str]]:
    """(code, pattern of the message, reason) of what we refuse as AWS does, where moto does not look."""
    given = tomllib.loads((HERE / "refused.toml").read_text(encoding="utf-8"))
    return [(rule["code"], re.compile(rule["message"]), rule["reason"]) for rule in given["rule"]]


def unsigned() -> set[str]:
    """Tests that ask without a signature, which is refused (403)."""
    given = tomllib.loads((HERE / "refused.toml").read_text(encoding="utf-8"))
    return {f"tests/{test}" for test in given["unsigned"]["tests"]}


def nearer() -> dict[str, str]:
    """The reason for each test that expects what AWS does not do."""
    given = tomllib.loads((HERE / "nearer.toml").read_text(encoding="utf-8"))
    return {f"tests/{test}": about["reason"] for about in given["group"] for test in about["tests"]}


def judge(line: Line, refusals: list[tuple[str, re.Pattern[str], str]], known: dict[str, str]) -> Verdict:
    """What is to be said of one test of ours."""
    test = line["test"]
    if line["outcome"] == "passed":
        return Verdict(test, RIGHT, "", line)
    if test in known:
        return Verdict(test, NEARER, known[test], line)
    if test in unsigned():
        return Verdict(test, REFUSED, "nobody is let in without a signature", line)
    for service, operation, status, code, message in reversed(line["errors"]):
        if status == 501:
            return Verdict(test, REFUSED, f"{code}: {service}:{operation} {message}", line)
    for wanted, pattern, reason in refusals:
        # Of an error that the test itself expected, it would have said more than that.
        if line["code"] and re.fullmatch(wanted, line["code"]) and pattern.search(line["text"]):
            return Verdict(test, REFUSED, f"{line['code']}: {reason}", line)
    return Verdict(test, WRONG, line["text"], line)


def listed_and_right(verdicts: Iterable[Verdict], listed: Set[str]) -> list[str]:
    """Tests that pass though a list excuses them, by chance (random names in another order) or always.

    Those that always do are to be taken from the list: when they fail one day, it would hide that.
    """
    return [verdict.test for verdict in verdicts if verdict.kind == RIGHT and verdict.test in listed]


def service_of(test: str) -> str:
    """The service that a test is about."""
    folder = test.split("/")[1]
    return next(service for service, names in SERVICES.items() if folder in names)


def compare(services: Iterable[str], workers: int, only: str = "") -> list[Verdict]:
    """Judge all tests of ``services`` that moto's own server passes (``only``: those with this in their ids)."""
    chosen = [service for service in SERVICES if service in set(services)]
    wanted = {test for service in chosen for test in baseline(service, workers) if only in test}
    targets = sorted(wanted) if only else [f"tests/{name}" for service in chosen for name in SERVICES[service]]
    ours = run("sandbox", targets, workers)
    refusals, known = rules(), nearer()
    missing = {"outcome": "failed", "text": "it did not end", "errors": [], "requests": 0, "line": ""}
    return [judge(ours.get(test, {**missing, "test": test}), refusals, known) for test in sorted(wanted)]


def report(verdicts: list[Verdict]) -> str:
    """The table of counts, and the wrong ones."""
    counts: dict[str, Counter[str]] = {}
    for verdict in verdicts:
        counts.setdefault(service_of(verdict.test), Counter())[verdict.kind] += 1
    lines = [f"{'moto’s tests':14}" + "".join(f"{kind:>10}" for kind in (*KINDS, "all"))]
    for service in SERVICES:
        if service in counts:
            numbers = [counts[service][kind] for kind in KINDS]
            lines.append(f"{service:14}" + "".join(f"{number:>10}" for number in (*numbers, sum(numbers))))
    total = sum(counts.values(), Counter())
    numbers = [total[kind] for kind in KINDS]
    lines.append(f"{'all':14}" + "".join(f"{number:>10}" for number in (*numbers, sum(numbers))))
    for verdict in verdicts:
        if verdict.kind == WRONG:
            lines += [f"WRONG {verdict.test}", f"      {verdict.line.get('line', '')}"]
            lines.append(f"      {verdict.why[:300].strip()}".replace("\n", "\n      "))
    return "\n".join(lines)


def judge_service(outcome: Outcome) -> None:
    """Run the tests of one service, by the name of its part: ``moto-s3``."""
    service = next(name for name in SERVICES if outcome.name == f"moto-{name.lower()}")
    verdicts = compare([service], workers=2)
    if not verdicts:
        raise NotJudged("moto’s own server passes none of its tests here")
    print(report(verdicts), flush=True)
    kinds = Counter(verdict.kind for verdict in verdicts)
    outcome.right, outcome.refused = kinds[RIGHT], kinds[REFUSED]
    outcome.notes.append(f"{kinds[NEARER]} tests expect what AWS does not do")
    if listed := listed_and_right(verdicts, nearer().keys() | unsigned()):
        outcome.notes.append(f"listed as what cannot be right, and right this time: {', '.join(listed)}")
    outcome.wrong += [f"{verdict.test}: {verdict.why[:200].strip()}" for verdict in verdicts if verdict.kind == WRONG]


def main(arguments: list[str]) -> int:
    """``[SERVICE …] [-k PART] [-n WORKERS]``; 1 when an answer is wrong."""
    only, workers, services = "", 2, []
    given = iter(arguments)
    for word in given:
        if word == "-k":
            only = next(given)
        elif word == "-n":
            workers = int(next(given))
        else:
            services.append(word)
    verdicts = compare(services or SERVICES, workers, only)
    (CACHE / "verdicts.json").write_text(
        json.dumps([{**verdict.line, "kind": verdict.kind, "why": verdict.why} for verdict in verdicts], indent=1)
    )
    print(report(verdicts))
    return 1 if any(verdict.kind == WRONG for verdict in verdicts) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
