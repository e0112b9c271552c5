"""Events for the function that asks an endpoint, of those that it must refuse."""

from __future__ import annotations

import base64

from hypothesis import strategies as st

from tests.helpers.pictures import encoded, png_claiming

PICTURE = encoded("JPEG")

GOOD = {"image": base64.b64encode(PICTURE).decode()}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)

broken_pictures = st.one_of(
    st.binary(max_size=400),
    st.integers(0, len(PICTURE) - 1).map(lambda n: PICTURE[:n]),
    st.binary(max_size=200).map(lambda tail: b"\x89PNG\r\n\x1a\n" + tail),
    st.binary(max_size=200).map(lambda tail: b"\xff\xd8\xff" + tail.replace(b"\xff", b"")),
    st.integers(30_000, 2**31).map(lambda side: png_claiming(side, side)),
).map(lambda data: {"image": base64.b64encode(data).decode()})

tricky_keys = st.sampled_from(
    ["../a", "/a", "in/../../a", "in\\..\\a", "a\0b", "in//a", ".", "in/%2e%2e/a", "http://x/a"]
)

bad_events = st.one_of(
    json_values,
    broken_pictures,
    st.fixed_dictionaries({"image": json_values}),
    st.fixed_dictionaries({"bucket": st.text(max_size=70), "key": st.text(max_size=40) | tricky_keys}),
    st.fixed_dictionaries({"image": st.just(GOOD["image"]), "top_k": st.none() | st.text() | st.integers(max_value=0)}),
)


class Context:
    """The part of Lambda's context that the handler reads."""

    aws_request_id = "request-1"

    def __init__(self, remaining_ms: int = 10_000) -> None:
        self.remaining_ms = remaining_ms

    def get_remaining_time_in_millis(self) -> int:
        return self.remaining_ms
