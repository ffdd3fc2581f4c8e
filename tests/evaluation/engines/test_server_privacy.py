"""The engine for servers: what it never shows, and when it sends nothing."""

import json
from pathlib import Path

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.server_address import data_terms, read_address
from anatomy_r1.evaluation.engines.server_errors import KEY_VARIABLE
from anatomy_r1.response_log.log import ResponseLog
from tests.helpers.chat_server import MODEL, serving
from tests.helpers.server_runs import run


def test_the_key_goes_to_the_server_and_nowhere_else(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(KEY_VARIABLE, "sk-very-secret")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-another-service")
    monkeypatch.setenv("OPENAI_ORG_ID", "org-of-another-service")
    arguments = ["evaluate", "sgg_anatomy_mini", "--data", str(data), "--model", MODEL, "--log", str(tmp_path / "log")]
    arguments += ["--engine", "server", "--limit", "2", "--max-new-tokens", "24", "--retries", "0"]
    echo = {"error": {"message": "Incorrect key: Bearer sk-very-secret"}}
    with serving(lambda asked, number: "echo" if number == 0 and asked["seed"] % 2 else None, echo=echo) as server:
        assert main([*arguments, "--base-url", server.url]) == 3
        failed = capsys.readouterr()
        assert main([*arguments, "--base-url", server.url]) == 0
    assert "Incorrect key: Bearer ***" in failed.err
    shown = failed.out + failed.err + "".join(capsys.readouterr())
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert "secret" not in shown
    assert b"secret" not in written
    assert {headers["authorization"] for headers in server.headers} == {"Bearer sk-very-secret"}
    assert "another-service" not in str(server.headers)


def test_help_names_the_variable(capsys):
    with pytest.raises(SystemExit):
        main(["evaluate", "--help"])
    assert KEY_VARIABLE in capsys.readouterr().out


@pytest.mark.parametrize("key", ["sk-with a space", "sk-naïve"])
def test_a_key_that_no_header_takes_is_refused_unseen(data, tmp_path, monkeypatch, key):
    monkeypatch.setenv(KEY_VARIABLE, key)
    with serving() as server, pytest.raises(AnatomyR1Error, match=KEY_VARIABLE) as caught:
        run(server, data, tmp_path / "log")
    assert key not in str(caught.value)


def test_query_is_sent_but_not_kept(data, tmp_path):
    with serving() as server:
        found = run(server, data, tmp_path / "log", limit=1, base_url=server.url + "/?api-version=7&code=hidden")
    assert {path.partition("?")[2] for path in server.paths} == {"api-version=7&code=hidden"}
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"hidden" not in written
    assert json.loads(found.results.read_text())["anatomy_r1"]["provenance"][0]["base_url"] == server.url


@pytest.mark.parametrize(
    "url",
    ["http://me:hidden@127.0.0.1/v1", "http://hidden@127.0.0.1/v1", "ftp://hidden/v1", "hidden", "http://hidden:x/v1"],
    ids=["password", "name", "scheme", "no scheme", "port"],
)
def test_addresses_that_are_none_are_refused_without_being_shown(url):
    with pytest.raises(AnatomyR1Error, match="--base-url") as caught:
        read_address(url)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:8000/v1", True), ("http://localhost/v1", True), ("http://[::1]:8000/v1", True),
        ("http://127.8.9.1", True), ("http://10.0.0.1/v1", False), ("https://api.example.org/v1", False),
        ("http://localhost.example.org/v1", False), ("http://0.0.0.0/v1", False), ("http://127.0.0.1.nip.io", False),
    ],
)  # fmt: skip
def test_what_counts_as_this_machine(url, here):
    assert read_address(url).loopback is here


def test_nothing_is_sent_to_another_host_unless_allowed_and_the_terms_are_named(data, tmp_path, capsys):
    with serving() as server:
        # The unspecified address leads here too on Linux, but is not this machine by our rule
        elsewhere = server.url.replace("127.0.0.1", "0.0.0.0")
        with pytest.raises(
            AnatomyR1Error, match=r"0\.0\.0\.0:\d+, which is not this machine.*--allow-upload"
        ) as caught:
            run(server, data, tmp_path / "log", base_url=elsewhere)
        assert (server.headers, server.requests) == ([], [])
        assert data_terms("sgg_anatomy_mini") in str(caught.value)
        found = run(server, data, tmp_path / "log", base_url=elsewhere, allow_upload=True, limit=1)
        assert data_terms("sgg_anatomy_mini") in capsys.readouterr().err
        local = run(server, data, tmp_path / "other", allow_upload=True, limit=1)
    with ResponseLog(tmp_path / "log", read_only=True) as log:
        (entry,) = log.provenance(found.run)
    assert (entry["uploaded_to"], entry["data_terms"]) == (elsewhere[7:-3], data_terms("sgg_anatomy_mini"))
    assert "uploaded_to" not in local.results.read_text()


def test_the_notice_says_what_data_licenses_says():
    stated = (Path(__file__).parents[3] / "DATA_LICENSES.md").read_text()
    lines = {line.split("|")[1].strip().split(" ")[0]: line for line in stated.splitlines() if line.startswith("|")}
    for name in ("SSG-VQA", "CholecT45"):
        assert "CC BY-NC-SA 4.0" in lines[name]
        assert name in data_terms("sgg_anatomy")
    assert "CC BY-NC-SA 4.0" in data_terms("sgg_anatomy")
    assert "follows the licence of the data set it was taken from" in lines["OmniMedVQA"]
    assert "follows the licence of the data set it was taken from" in data_terms("omnimed_mi")
    assert "Apache-2.0" in lines["The"]
    assert "Apache-2.0" in data_terms("omnimed_mi_mini")
    assert data_terms("sgg_anatomy") in data_terms("unheard of")


def test_a_proxy_does_not_see_what_stays_here(data, tmp_path, monkeypatch):
    with serving() as proxy, serving() as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.server_port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert run(server, data, tmp_path / "log", limit=1).generated == 6
    assert proxy.headers == []


def test_a_wrong_key_names_the_variable_and_no_server_its_address(data, tmp_path):
    with serving(models=401) as server, pytest.raises(AnatomyR1Error, match=rf"HTTP 401.*{KEY_VARIABLE}"):
        run(server, data, tmp_path / "log")
    with pytest.raises(AnatomyR1Error, match=rf"{server.url}: no connection .*Fix: check the server"):
        run(server, data, tmp_path / "log", retries=0)
