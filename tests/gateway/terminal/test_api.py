"""The client's addresses, and what is taken for an answer; the rest is tried on a real gateway by the commands."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from gateway.terminal.api import Api, BadAddress, NoConnection, Refused, part, plain


@pytest.fixture
def answering():
    """A server that answers by its ``answer`` (status, headers, body), and keeps what was asked."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = self.server.answer
            length = int(self.headers.get("Content-Length", 0))
            self.server.asked.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - as the library calls it

        def log_message(self, *arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def api(server, path="", token=""):
    return Api(f"http://127.0.0.1:{server.server_port}{path}", token)


@pytest.mark.parametrize("url", ["localhost:8080", "ftp://x", "http://", "http://[::1", "http://x:y", "http://x:99999"])
def test_an_address_that_cannot_be_used_is_said(url):
    with pytest.raises(BadAddress, match=r".+"):
        Api(url)


def test_a_request_has_token_path_and_body(answering):
    answering.answer = (200, {}, b'{"done":"\\u001b[1m"}')
    assert api(answering, "/gateway/", "secret").send("POST", "/a", {"b": 1}, {"c": "d e"}) == {"done": " [1m"}
    ((method, path, headers, body),) = answering.asked
    assert (method, path, json.loads(body)) == ("POST", "/gateway/a?c=d+e", {"b": 1})
    assert headers["Authorization"] == "Bearer secret"


def test_a_token_goes_to_no_other_address(answering):
    answering.answer = (302, {"Location": f"http://127.0.0.1:{answering.server_port}/elsewhere"}, b"")
    with pytest.raises(Refused, match="302"):
        api(answering, token="secret").get("/a")
    assert len(answering.asked) == 1


def test_a_refusal_has_the_gateways_words(answering):
    answering.answer = (409, {}, b'{"success":false,"error":"he has stayed"}')
    with pytest.raises(Refused, match="the gateway answers 409: he has stayed") as refused:
        api(answering).get("/a")
    assert refused.value.status == 409


@pytest.mark.parametrize("body", [b"<html>", b"\xff"])
def test_an_answer_that_cannot_be_read_is_no_connection(answering, body):
    answering.answer = (200, {}, body)
    with pytest.raises(NoConnection, match="no gateway at http://127"):
        api(answering).get("/a")


def test_parts_of_paths_and_texts_are_made_harmless():
    assert part("../a b?") == "..%2Fa%20b%3F"
    assert plain({"a\x07": ["\x9bm", 1, None, {"b": "\x7f"}]}) == {"a ": [" m", 1, None, {"b": " "}]}
