"""What is taken for a secret, and what is not: the names of things that a classifier's functions really have."""

from __future__ import annotations

import pytest

from workers.security.secrets import in_lines, in_variables

SECRETS = {
    "DB_PASSWORD": "hunter2horse",
    "API_KEY": "changeme",
    "SERVICE_TOKEN": "abcDEF123456ghiJKL",
    "KEY": "AKIAIOSFODNN7EXAMPL2",
    "SECRET": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "DATABASE_URL": "postgres://user:pa55word@host/dogs",
    "GITHUB": "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "VALUE": "kJ8vQ2xZp0Lw7YtR3mNcB5sHfD9gUaEo1iXq",
    "OTHER_TOKEN": "abcdefgh",
    "PEM": "-----BEGIN RSA PRIVATE KEY-----\nMIIE",
}
HARMLESS = {
    "ENDPOINT_NAME": "dogs-classifier-1",
    "ROLE": "arn:aws:iam::123456789012:role/SageDeckTraining-dogs-482109375516",
    "BUCKET": "dogs-482109375516",
    "MODEL": "s3://dogs-482109375516/jobs/dogs-20260131-142501-3fa2/output/model.tar.gz",
    "SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf",
    "PASSWORD_PARAM": "/prod/db/password",
    "DB_PASSWORD": "{{resolve:secretsmanager:db}}",
    "SECRET_NAME": "prod-db",
    "TOP_K": "5",
    "LOG_LEVEL": "INFO",
    "MODEL_SHA256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "RUN": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
    "ADDRESS": "https://abc.lambda-url.us-east-1.on.aws/",
    "EMPTY": "",
    "MAX_TOKENS": "4096",
    "SHORT_TOKEN": "abcdefg",
    "HOST": "8.8.8.8",
    "TOKEN_URL": "${TOKEN_URL}",
    "FORM": "{{ secrets.password }}",
}


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_secret_is_found(name: str) -> None:
    hints = in_variables({name: SECRETS[name]})
    assert [hint.place for hint in hints] == [name]
    assert SECRETS[name] not in repr(hints)


@pytest.mark.parametrize("name", sorted(HARMLESS))
def test_what_is_no_secret_is_not_taken_for_one(name: str) -> None:
    assert in_variables({name: HARMLESS[name]}) == ()


def test_lines_of_a_script_are_counted_from_one() -> None:
    script = (
        "#!/bin/bash\nset -e\nexport DB_PASSWORD=hunter2horse\npip install torch==2.1\n"
        "aws s3 cp s3://dogs-482109375516/x .\ncurl https://user:pa55w0rd@host/\n"
    )
    assert [hint.place for hint in in_lines(script)] == ["line 3", "line 6"]
    assert in_lines("curl --retry 3 http://8.8.8.8/\necho 3fa85f64-5717-4562-b3fc-2c963f66afa6\n\n") == ()


def test_both_can_be_asked_from_two_threads_at_once() -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: in_variables(SECRETS), range(8)))
    assert all(len(hints) >= len(SECRETS) for hints in found)
