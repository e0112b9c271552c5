"""Lists of what cannot exist here: each is found by what its clients really send."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.serialize import create_serializer

from sandbox.moto_host.empty_lists import EMPTY
from sandbox.wire.messages import BytesPayload, RestRequest
from sandbox.wire.models import service_model
from sandbox.wire.reading import model_name


@pytest.mark.parametrize("service", sorted(EMPTY))
def test_what_a_client_sends_names_the_service(service: str) -> None:
    model = service_model(service)
    operation = model.operation_model(EMPTY[service].split()[0])
    sent: dict[str, Any] = create_serializer(model.metadata["protocol"], include_validation=False).serialize_to_request(
        {}, operation
    )
    body = sent["body"]
    form = "&".join(f"{name}={value}" for name, value in body.items()) if isinstance(body, dict) else body
    request = RestRequest(
        method=sent["method"],
        path=sent["url_path"],
        raw_path=sent["url_path"],
        raw_query="",
        query={},
        headers={},
        service=model.signing_name,
        region="us-east-1",
        payload=BytesPayload(form.encode() if isinstance(form, str) else form),
        request_id="r",
    )
    assert model_name(request) == service
