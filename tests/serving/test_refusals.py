"""Whatever is wrong with a request is answered in one shape, without a traceback and without its text."""

from __future__ import annotations

import pytest
from support.serving import serving

from clsfw.errors import HostError, UsageError
from clsfw.serving.limits import BODY_BYTES, CHARACTERS, TEXTS
from clsfw.serving.server import listen, read_token

JSON = {"Content-Type": "application/json"}

BODIES = {
    "not JSON": (b"{", 400, "the body is not JSON"),
    "no body": (b"", 422, "body: field required"),
    "not UTF-8": (b'{"inputs": "\xff"}', 400, "there was an error parsing the body"),
    "nested without end": (b"[" * 200_000, 400, "there was an error parsing the body"),
    "a huge number": (b'{"inputs": ' + b"1" * 10_000 + b"}", 400, "there was an error parsing the body"),
    "a list": (b"[]", 422, "body: "),
    "no inputs": (b"{}", 422, "inputs: field required"),
    "another name": (b'{"inputs": "a", "text": "b"}', 422, "text: extra inputs are not permitted"),
    "a number": (b'{"inputs": 3}', 422, "inputs: entry 0 is not a text"),
    "null": (b'{"inputs": null}', 422, "inputs: entry 0 is not a text"),
    "nothing": (b'{"inputs": []}', 422, "inputs: there is no text"),
    "a number in a list": (b'{"inputs": ["a", 3]}', 422, "inputs: entry 1 is not a text"),
    "a pair": (b'{"inputs": [["a", "b"]]}', 422, "inputs: entry 0 is a list of 2; a list of one text is taken"),
    "an empty list within": (b'{"inputs": [[]]}', 422, "inputs: entry 0 is a list of 0"),
    "raw scores": (b'{"inputs": "a", "raw_scores": true}', 422, "raw_scores: scores are always probabilities"),
    "no number of classes": (b'{"inputs": "a", "parameters": {"top_k": 0}}', 422, "parameters.top_k: "),
    "another function": (
        b'{"inputs": "a", "parameters": {"function_to_apply": "sigmoid"}}',
        422,
        "parameters.function_to_apply: this model's scores are made by softmax",
    ),
    "too many texts": (b'{"inputs": [' + b'"a",' * TEXTS + b'"a"]}', 422, f"inputs: {TEXTS + 1} texts are more than"),
    "a text too long": (
        b'{"inputs": "' + b"a" * (CHARACTERS + 1) + b'"}',
        422,
        "inputs: text 0 has 100,001 characters, more than 100,000",
    ),
    "a body too large": (b'{"inputs": "' + b" " * BODY_BYTES + b'"}', 413, "the body is larger than 2,097,152 bytes"),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_bad_body_is_refused_with_its_place(server, case):
    body, status, words = BODIES[case]
    answer = server.client.post("/predict", content=body, headers=JSON)

    assert status == answer.status_code
    assert {"error", "error_type"} == set(answer.json())
    assert answer.json()["error"].startswith(words)
    assert "Validation" == answer.json()["error_type"]


def test_a_body_of_unknown_length_is_cut_at_the_limit(server):
    def parts():
        for _ in range(40):
            yield b" " * 100_000

    assert 413 == server.client.post("/predict", content=parts(), headers=JSON).status_code


def test_a_body_that_is_not_said_to_be_json_is_refused(server):
    answer = server.client.post("/predict", content=b'{"inputs": "a"}')

    assert (415, "Validation") == (answer.status_code, answer.json()["error_type"])


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/none", 404), ("GET", "/predict", 405)])
def test_a_path_that_is_not_there_is_told_in_the_same_shape(server, method, path, status):
    answer = server.client.request(method, path)

    assert (status, "NotFound") == (answer.status_code, answer.json()["error_type"])


def test_a_path_that_is_not_there_is_counted_under_one_name(server):
    server.client.get("/my-secret-path")

    assert "my-secret-path" not in server.client.get("/metrics").text


def test_the_model_failing_is_told_without_its_words(words, monkeypatch, capfd):
    with serving(words) as served:

        def fails(*_):
            raise RuntimeError("cannot read 'the secret text'")

        monkeypatch.setattr(type(words), "raw_prediction", fails)
        answer = served.predict("the secret text")
        assert 1 == served.metric("clsfw_failures_total")

    assert (424, "Backend") == (answer.status_code, answer.json()["error_type"])
    logged = capfd.readouterr().err
    assert "a request failed: RuntimeError at " in logged
    assert "secret" not in answer.text + logged


def test_the_server_failing_is_told_without_its_words(words, monkeypatch, capfd):
    with serving(words) as served:

        def fails(*_):
            raise RuntimeError("the secret text")

        monkeypatch.setattr("clsfw.serving.app._json", fails)
        answer = served.client.get("/info")

    assert (500, "Backend") == (answer.status_code, answer.json()["error_type"])
    assert "secret" not in answer.text + capfd.readouterr().err


@pytest.fixture(scope="module")
def guarded(words):
    with serving(words, "s3cret") as served:
        yield served


class TestToken:
    @pytest.mark.parametrize("given", [None, "Bearer wrong", "s3cret", "bearer s3cret", "Bearer s3cret2"])
    @pytest.mark.parametrize(
        ("method", "path"), [("GET", "/info"), ("GET", "/metrics"), ("POST", "/"), ("POST", "/predict"), ("GET", "/x")]
    )
    def test_without_it_nothing_of_the_run_is_told(self, guarded, method, path, given):
        headers = {"Authorization": given} if given else {}
        answer = guarded.client.request(method, path, headers=headers, json={"inputs": "a"})

        assert (401, "Unauthorized") == (answer.status_code, answer.json()["error_type"])
        assert "Bearer" == answer.headers["www-authenticate"]

    def test_with_it_everything_is(self, guarded):
        answer = guarded.client.post("/predict", headers={"Authorization": "Bearer s3cret"}, json={"inputs": "a"})

        assert 200 == answer.status_code

    @pytest.mark.parametrize("path", ["/", "/health", "/docs", "/openapi.json"])
    def test_pages_that_say_nothing_of_the_run_are_open(self, guarded, path):
        answer = guarded.client.get(path)

        assert 200 == answer.status_code
        assert "unkind" not in answer.text

    @pytest.mark.parametrize("token", ["two words", "tab\t", "ü"])
    def test_one_that_no_header_can_carry_is_refused(self, monkeypatch, token):
        monkeypatch.setenv("CLSFW_SERVE_TOKEN", token)

        with pytest.raises(UsageError, match="CLSFW_SERVE_TOKEN must hold printable ASCII characters"):
            read_token()

    def test_an_empty_one_is_none(self, monkeypatch):
        monkeypatch.setenv("CLSFW_SERVE_TOKEN", "")

        assert read_token() is None


class TestAddress:
    @pytest.mark.parametrize("host", ["0.0.0.0", "::"])
    def test_other_machines_are_let_in_with_a_token_only(self, host):
        with pytest.raises(UsageError, match="so set a bearer token in CLSFW_SERVE_TOKEN"):
            listen(host, 0, None)

    def test_with_a_token_they_are(self):
        with listen("0.0.0.0", 0, "s3cret") as sock:
            assert sock.getsockname()[0] == "0.0.0.0"

    def test_a_port_that_is_taken_is_told(self):
        with listen("127.0.0.1", 0, None) as sock:
            sock.listen()
            port = sock.getsockname()[1]
            with pytest.raises(HostError, match=f"cannot listen on 127.0.0.1:{port}: address already in use"):
                listen("127.0.0.1", port, None)

    def test_a_host_that_is_not_there_is_told(self):
        with pytest.raises(UsageError, match=r"--host 'no\.such\.host\.invalid' is not an address of this machine"):
            listen("no.such.host.invalid", 0, "s3cret")
