"""Clients that send nonsense, are slow, or go away."""

from __future__ import annotations

import json
import socket
import threading
import time

import pytest
from support.serving import serving

from clsfw.inference.classifier import LoadedClassifier

BODY = json.dumps({"inputs": "a fine film"}).encode()
REQUEST = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(BODY),
    BODY,
)


def everything(sock):
    """Read until the server closes the connection."""
    received = b""
    while chunk := sock.recv(65_536):
        received += chunk
    return received


def until(condition):
    """Wait for what another thread is to do."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def patient(server, monkeypatch):
    """Give the server little patience with new connections."""
    monkeypatch.setattr("clsfw.serving.protocol.HEADER_SECONDS", 0.3)
    monkeypatch.setattr("clsfw.serving.gate.BODY_SECONDS", 0.3)
    yield server
    assert 200 == server.predict("fine").status_code


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # the beginning of TLS
        b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000,
    ],
    ids=["nonsense", "TLS", "header", "negative length", "two lengths", "huge header"],
)
def test_what_is_not_http_is_refused(patient, sent):
    with patient.connect() as sock:
        sock.sendall(sent)
        received = everything(sock)

    if received:  # what never ends its head is closed without a word
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400")
        assert {"error", "error_type"} == set(json.loads(body))


def test_a_head_that_does_not_come_is_not_waited_for(patient):
    with patient.connect() as sock:
        assert b"" == everything(sock)


def test_a_head_that_drips_is_not_waited_for(patient):
    with patient.connect() as sock:
        sock.settimeout(0.05)
        closed = False
        for byte in b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 1000:
            try:
                sock.send(bytes([byte]))
                closed = sock.recv(1) == b""
            except TimeoutError:
                continue
            except OSError:
                closed = True
            if closed:
                break

    assert closed


def test_a_body_that_does_not_come_is_told(patient):
    with patient.connect() as sock:
        sock.sendall(REQUEST[:-4])
        received = everything(sock)

    assert received.startswith(b"HTTP/1.1 408")
    assert b'"error_type": "Timeout"' in received


def test_two_requests_at_once_are_answered_in_their_order(server):
    with server.connect() as sock:
        sock.sendall(REQUEST + b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received = everything(sock)

    assert received.index(b'"label"') < received.index(b'"status": "ok"')


def test_a_client_that_closes_its_half_costs_nothing(patient):
    before = patient.metric("clsfw_requests_total")
    with patient.connect() as sock:
        sock.sendall(REQUEST[:-4])
        sock.shutdown(socket.SHUT_WR)
        everything(sock)

    assert before < patient.metric("clsfw_requests_total")
    assert 0 == patient.metric("clsfw_waiting_texts")


def test_the_texts_of_a_client_that_went_away_are_not_predicted(words, monkeypatch):
    go, predicted, real = threading.Event(), [], LoadedClassifier.predict

    def waits(self, texts, reporter=None):
        predicted.extend(texts)
        assert go.wait(30)
        return real(self, texts, reporter)

    with serving(words) as served:
        monkeypatch.setattr(LoadedClassifier, "predict", waits)
        first = threading.Thread(target=served.predict, args=("first",))
        first.start()
        until(lambda: predicted)
        with served.connect() as sock:
            sock.sendall(REQUEST)
            until(lambda: served.metric("clsfw_waiting_texts") == 2)
        until(lambda: served.metric("clsfw_waiting_texts") == 1)
        go.set()
        first.join(30)
        assert 1 == served.metric('clsfw_requests_total{path="/predict",status="499"}')

    assert ["first"] == predicted


def test_a_full_queue_is_told_and_recovers(words, monkeypatch):
    go, began, real = threading.Event(), threading.Event(), LoadedClassifier.predict

    def waits(self, texts, reporter=None):
        began.set()
        assert go.wait(60)
        return real(self, texts, reporter)

    with serving(words) as served:
        monkeypatch.setattr(LoadedClassifier, "predict", waits)
        answers = []
        clients = [
            threading.Thread(target=lambda: answers.append(served.predict(["fine"] * 256).status_code))
            for _ in range(4)
        ]
        for client in clients:
            client.start()
        until(lambda: served.metric("clsfw_waiting_texts") == 1024)
        refused = served.predict("one more")
        go.set()
        for client in clients:
            client.join(60)
        after = served.predict("one more")

    assert (429, "Overloaded") == (refused.status_code, refused.json()["error_type"])
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert [200] * 4 == answers
    assert 200 == after.status_code


def test_bodies_that_are_open_at_once_are_bounded(server, monkeypatch):
    monkeypatch.setattr("clsfw.serving.gate.OPEN_BYTES", 10)
    answer = server.predict("a fine film")

    assert (429, "1") == (answer.status_code, answer.headers["retry-after"])
    monkeypatch.undo()
    assert 200 == server.predict("a fine film").status_code


def test_an_answer_that_is_not_read_is_given_up(words, monkeypatch):
    monkeypatch.setattr("clsfw.serving.protocol.WRITE_SECONDS", 0.3)
    monkeypatch.setattr("clsfw.serving.app.read_page", _large_page)
    with serving(words) as served, served.connect() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: served.server.server_state.total_requests == 1)
        until(lambda: not served.server.server_state.connections)
        assert 200 == served.predict("fine").status_code


def _large_page(_name):
    from clsfw.serving.pages import Page

    return Page("x" * 50_000_000, "default-src 'none'")
