"""HTTP over connections that are kept: what comes in pieces, what is none, what is lost, TLS and proxies."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.plain_server import GOOD, PlainServer
from workers.load.http import Answer, Broken, Http, Reader, connect_request, host_of

REQUEST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"

bodies = st.binary(max_size=300)


def with_length(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nX-One: 1\r\n\r\n%s" % (len(body), body)


def in_chunks(body: bytes) -> bytes:
    pieces = [body[at : at + 7] for at in range(0, len(body), 7)]
    chunks = b"".join(b"%x;name=value\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n"


@given(bodies, bodies, st.sampled_from([with_length, in_chunks]), st.lists(st.integers(1, 50), min_size=1))
def test_answers_are_read_in_whatever_pieces_they_come(
    first: bytes, second: bytes, written: Callable[[bytes], bytes], sizes: list[int]
) -> None:
    for body in (first, second):
        reader, data, found = Reader(), b"HTTP/1.1 100 Continue\r\n\r\n" + written(body), []
        at, turn = 0, 0
        while at < len(data):
            size = sizes[turn % len(sizes)]
            answer = reader.feed(data[at : at + size])
            found += [answer] if answer is not None else []
            at, turn = at + size, turn + 1
        assert [answer.body for answer in found] == [body] and found[0].status == 200 and reader.keeps


@given(st.binary(max_size=200))
def test_rubbish_is_broken_and_nothing_else(data: bytes) -> None:
    reader = Reader()
    try:
        reader.feed(data + b"\r\n\r\n")
        reader.end()
    except Broken:
        return


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"X" * 70_000,
    ],
)
def test_what_is_no_answer_is_broken(data: bytes) -> None:
    with pytest.raises(Broken):
        Reader().feed(data)


def test_an_answer_may_end_with_its_connection_but_not_within() -> None:
    reader = Reader()
    assert reader.feed(b"HTTP/1.0 200 OK\r\n\r\nbody") is None
    answer = reader.end()
    assert answer is not None and answer.body == b"body" and not reader.keeps
    reader = Reader()
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody")
    with pytest.raises(Broken):
        reader.end()
    closing = Reader()
    assert closing.feed(b"HTTP/1.1 204 No\r\nConnection: close\r\n\r\n") is not None and not closing.keeps


def asked(server: PlainServer, *, times: int = 1, proxy: str | None = None, tls: ssl.SSLContext | None = None) -> Any:
    async def body() -> list[Answer]:
        http = Http(server.url, tls or ssl.create_default_context(), proxy)
        try:
            return [await http.ask(REQUEST) for _ in range(times)]
        finally:
            http.close()

    return asyncio.run(body())


def test_a_connection_is_kept_for_the_next_request() -> None:
    with PlainServer() as server:
        answers = asked(server, times=3)
        assert [answer.body for answer in answers] == [b"{}"] * 3
        assert server.connections == 1 and server.bodies == [b"ab"] * 3


def test_one_that_the_server_closes_is_not_used_again() -> None:
    with PlainServer(lambda number: (200, {"Connection": "close"}, b"{}")) as server:
        asked(server, times=3)
        assert server.connections == 3


def test_a_request_that_is_given_up_takes_its_connection_along() -> None:
    async def body(server: PlainServer) -> None:
        http = Http(server.url, ssl.create_default_context())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await http.ask(REQUEST)
        # The late answer to the first is not taken for that to the second.
        assert (await http.ask(REQUEST)).status == 201
        http.close()

    with PlainServer(lambda number: (200 + number - 1, {}, b"")) as server:
        server.stall(1, 0.3)
        asyncio.run(body(server))
        assert server.connections == 2


def test_a_proxy_is_gone_through_and_its_refusal_told() -> None:
    with PlainServer() as server:
        place = f"http://ann:s%40cret@127.0.0.1:{server.port}"
        assert asked(server, proxy=place)[0].status == 200
        [head] = server.connects
        assert head.startswith(f"CONNECT 127.0.0.1:{server.port} HTTP/1.1")
        assert "Proxy-Authorization: Basic YW5uOnNAY3JldA==" in head
        server.proxy_answer = (407, {}, b"")
        with pytest.raises(Broken, match="answered 407"):
            asked(server, proxy=place)


def certificate(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's and a client's context of a certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, keys = folder / "cert.pem", folder / "key.pem"
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    keys.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )  # fmt: skip
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(file, keys)
    return server, ssl.create_default_context(cafile=str(file))


def test_tls_is_checked_and_spoken(tmp_path: Path) -> None:
    ours, trusting = certificate(tmp_path)
    with PlainServer(lambda number: GOOD, ours) as server:
        assert [answer.status for answer in asked(server, times=2, tls=trusting)] == [200, 200]
        with pytest.raises(ssl.SSLError):
            asked(server)


async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A proxy's CONNECT: from then on bytes go to and fro."""
    head = await reader.readuntil(b"\r\n\r\n")
    name, port = head.split()[1].decode().split(":")
    there, back = await asyncio.open_connection(name, int(port))
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(4096):
            sink.write(data)
        sink.close()

    await asyncio.gather(pipe(reader, back), pipe(there, writer), return_exceptions=True)


def test_tls_goes_through_a_proxy(tmp_path: Path) -> None:
    ours, trusting = certificate(tmp_path)

    async def body(server: PlainServer) -> None:
        proxy = await asyncio.start_server(tunnel, "127.0.0.1", 0)
        http = Http(server.url, trusting, f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        assert [(await http.ask(REQUEST)).status for _ in range(2)] == [200, 200]
        http.close()
        proxy.close()

    with PlainServer(lambda number: GOOD, ours) as server:
        asyncio.run(body(server))
        assert server.connections == 1 and server.bodies == [b"ab"] * 2


def test_what_hosts_and_connects_are_called() -> None:
    assert host_of(urlsplit("https://runtime.sagemaker.us-east-1.amazonaws.com/x")) == (
        "runtime.sagemaker.us-east-1.amazonaws.com"
    )
    assert host_of(urlsplit("http://127.0.0.1:5000")) == "127.0.0.1:5000"
    assert host_of(urlsplit("http://[::1]:5000")) == "[::1]:5000"
    plain = connect_request(urlsplit("https://a.com"), urlsplit("http://p:3128"))
    assert plain == b"CONNECT a.com:443 HTTP/1.1\r\nHost: a.com:443\r\n\r\n"
