"""The destination is what botocore's own listing used: addressing, region after a redirect, TLS."""

from __future__ import annotations

import datetime
import ipaddress
import os
import ssl
import threading
from http.server import ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from botocore.awsrequest import AWSResponse
from botocore.credentials import Credentials
from botocore.exceptions import EndpointConnectionError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.helpers.fake_s3 import FakeS3, good, send
from workers.types import Backend
from workers.upload.remote import Destination, Remote
from workers.upload.small import Sender

EMPTY = b"<ListBucketResult><KeyCount>0</KeyCount></ListBucketResult>"
PAGE = (
    b"<ListBucketResult><IsTruncated>%s</IsTruncated><NextContinuationToken>t</NextContinuationToken>"
    b'<EncodingType>url</EncodingType><Contents><Key>%s</Key><Size>3</Size><ETag>"abc"</ETag></Contents>'
    b"</ListBucketResult>"
)


def remote_with(answers, endpoint_url=None, region="eu-west-1"):
    """A ``Remote`` whose requests are answered with (status, headers, body) in turn."""
    remote = Remote(
        Backend("aws", "t", region, endpoint_url=endpoint_url, access_key_id="AK", secret_access_key="SK"), "photos"
    )

    def answer(request, **_):
        status, headers, body = answers.pop(0)
        return AWSResponse(request.url, status, headers, SimpleNamespace(stream=lambda: iter([body])))

    remote.client.meta.events.register_last("before-send.s3", answer)
    return remote


def test_on_aws_the_bucket_is_in_the_host():
    remote = remote_with([(200, {}, EMPTY)])
    assert remote.listing("p/", lambda found: True) == {}
    to = remote.destination()
    assert (to.secure, to.host, to.path, to.region) == (True, "photos.s3.eu-west-1.amazonaws.com", "/", "eu-west-1")
    assert to.credentials.access_key == "AK"


def test_with_an_endpoint_url_the_bucket_is_in_the_path_and_proxies_are_ignored(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    remote = remote_with([(200, {}, EMPTY)], "http://127.0.0.1:5000")
    remote.listing("p/", lambda found: True)
    to = remote.destination()
    assert (to.secure, to.host, to.path) == (False, "127.0.0.1:5000", "/photos/")
    assert to.url == "http://127.0.0.1:5000/photos/"
    assert not any(name.lower().endswith("_proxy") and "http" in name.lower() for name in os.environ)


def test_a_bucket_of_another_region_is_followed():
    moved = b"<Error><Code>PermanentRedirect</Code><Message>.</Message></Error>"
    remote = remote_with([(301, {"x-amz-bucket-region": "us-west-2"}, moved), (200, {}, EMPTY)])
    remote.listing("", lambda found: True)
    to = remote.destination()
    assert (to.host, to.region) == ("photos.s3.us-west-2.amazonaws.com", "us-west-2")


def test_pages_are_put_together_and_can_be_ended():
    pages = [(200, {}, PAGE % (b"true", b"p/a%20b")), (200, {}, PAGE % (b"false", b"p/c"))]
    found = remote_with(list(pages)).listing("p/", lambda count: True)
    assert found.keys() == {"p/a b", "p/c"} and found["p/c"].etag == "abc"
    assert remote_with(list(pages)).listing("p/", lambda count: False).keys() == {"p/a b"}


@pytest.fixture
def tls_server(tmp_path):
    """An HTTPS server on loopback whose certificate only ``ca.pem`` vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeS3)
    server.got, server.play = [], good
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server, str(tmp_path / "ca.pem")
    server.shutdown()
    server.server_close()


def tls_sender(server, ca_bundle):
    credentials = Credentials("AK", "SK")
    return Sender(Destination(True, f"localhost:{server.server_port}", "/bucket/", "us-east-1", ca_bundle, credentials))


def test_tls_with_a_ca_of_ones_own(tls_server):
    server, ca_bundle = tls_server
    assert send(tls_sender(server, ca_bundle))[2] is None
    assert len(server.got) == 1


def test_tls_sends_nothing_to_a_server_that_nobody_vouches_for(tls_server):
    server, _ = tls_server
    errors = []
    sender = tls_sender(server, None)
    sender.put("k", b"data", "text/plain", lambda *answer: errors.append(answer[2]))
    # The runtime holds a failed handshake open for up to 30 seconds, so there is no end to wait for.
    assert not sender.wait(0.5) or isinstance(errors[0], EndpointConnectionError)
    assert server.got == []
    sender.cancel()
