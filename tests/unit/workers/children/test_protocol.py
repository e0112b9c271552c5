"""Frames are found in whatever comes, in whatever pieces; nothing else is taken for one."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.children import protocol
from workers.children.protocol import Decoder, Frame, Kind, OtherVersion, encode

MARK = b"\x1e"
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.dictionaries(st.text(), st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=6))
frames = st.builds(Frame, st.sampled_from(get_args(Kind)), values, st.integers())
# What a library may print: also without a line's end, half characters, JSON, and half a frame.
rubbish = (
    st.binary(max_size=60)
    | st.text(max_size=60).map(str.encode)
    | frames.map(lambda frame: encode(frame)[1:])
    | frames.map(lambda frame: encode(frame)[:-3])
    | st.sampled_from([b"\n", b"{}\n", b"null\n", b'{"v": 1}\n', b"[" * 5000 + b"\n", b'\x1e{"v":1,"kind":[],"id":0}'])
)


def is_frame(piece: bytes) -> bool:
    """Rubbish that happens to be a frame is none."""
    return any(not isinstance(item, str) for item in [*Decoder().feed(piece + b"\n")])


def cut(data: bytes, sizes: list[int]) -> list[bytes]:
    """``data`` in pieces of these sizes, over and over."""
    pieces, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        pieces.append(data[at : at + size])
        at, turn = at + size, turn + 1
    return pieces


@given(
    st.lists(st.tuples(rubbish.filter(lambda piece: not is_frame(piece)), frames), max_size=6),
    rubbish.filter(lambda piece: not is_frame(piece)),
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
)
def test_every_frame_arrives_once_and_in_order(parts, tail, sizes):
    stream = b"".join(noise + encode(frame) for noise, frame in parts) + tail
    decoder = Decoder()
    found = [item for piece in cut(stream, sizes) for item in decoder.feed(piece)] + decoder.rest()
    assert [item for item in found if not isinstance(item, str)] == [frame for _, frame in parts]


@given(st.lists(st.binary(max_size=200)), st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_garbage_raises_nothing(garbage, sizes):
    decoder = Decoder()
    for piece in cut(b"\n".join(garbage), sizes):
        decoder.feed(piece)
    decoder.rest()


@pytest.mark.parametrize(
    "line",
    [
        b'{"v":1,"kind":"result","id":0,"value":{}}\n',
        MARK + b'{"v":1,"kind":"result","id":0,"value":[]}\n',
        MARK + b'{"v":1,"kind":"verdict","id":0,"value":{}}\n',
        MARK + b'{"v":"1","kind":"result","id":0,"value":{}}\n',
        MARK + b'{"v":true,"kind":"result","id":0,"value":{}}\n',
        MARK + b'{"v":1,"kind":"result","id":"0","value":{}}\n',
        MARK + b'{"v":1,"kind":["result"],"id":0,"value":{}}\n',
        MARK + b"[1]\n",
        MARK + b"{\n",
    ],
)
def test_what_only_looks_like_a_frame_is_text(line):
    assert [type(item) for item in Decoder().feed(line)] == [str]


def test_another_version_is_known_as_such():
    line = encode(Frame("result", {})).replace(b'"v":1', b'"v":7')
    assert Decoder().feed(line) == [OtherVersion(7)]


def test_a_line_without_an_end_takes_no_more_room_than_its_due(monkeypatch):
    decoder = Decoder()
    for _ in range(100):
        decoder.feed(b"x" * 10_000)
        assert len(decoder._buffer) <= protocol.RUBBISH_BYTES
    assert decoder.feed(encode(Frame("ready", {})))[-1] == Frame("ready", {})
    monkeypatch.setattr(protocol, "MOST_FRAME_BYTES", 200_000)
    for _ in range(100):
        decoder.feed(MARK + b"{" * 10_000)
        assert len(decoder._buffer) <= protocol.MOST_FRAME_BYTES
    assert decoder.feed(b"\n" + encode(Frame("ready", {})))[-1] == Frame("ready", {})


def test_a_frame_does_not_show_its_values():
    assert "wJalr" not in repr(Frame("spec", {"secret_access_key": "wJalr"}))
