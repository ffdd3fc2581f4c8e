"""JUnit XML and GitHub's workflow commands, with names that try to inject commands."""

import xml.etree.ElementTree as ET

import pytest

from anatomy_r1.comparison.regression_gate import report
from tests.comparison.regression_gate.conftest import HOSTILE, cells, regress


@pytest.fixture
def hostile(tmp_path, chance):
    """A reference and a worse result whose questions have hostile names."""
    ids = [f"{HOSTILE} {index}" for index in range(200)]
    old = cells(tmp_path, "old", chance[:200] * 0 + 0.9, [0], "w0", ids=ids)
    new = cells(tmp_path, "new", chance[:200] * 0 + 0.3, [1], "w1", ids=ids)
    return old, new


class Runner:
    """Reads a step's output as GitHub's runner does (actions/runner, ActionCommandManager and ActionCommand).

    A line that begins with `::` after blanks, or holds `##[` anywhere, is a command; `stop-commands` ends that until
    its token comes back.
    """

    def __init__(self, output):
        self.commands, self.token = [], None
        for line in output.splitlines():
            self._read(line.strip())

    def _read(self, line):
        if self.token:
            self.token = None if line == f"::{self.token}::" else self.token
        elif line.startswith("::stop-commands::"):
            self.token = line.removeprefix("::stop-commands::")
        elif line.startswith("::"):
            head, _, data = line[2:].partition("::")
            kind, _, properties = head.partition(" ")
            self.commands.append((kind, self._plain(properties, property=True), self._plain(data)))
        elif "##[" in line:
            self.commands.append(("old", "", line))

    @staticmethod
    def _plain(text, property=False):  # noqa: A002
        for code, character in [*([("%3A", ":"), ("%2C", ",")] if property else []), ("%0D", "\r"), ("%0A", "\n")]:
            text = text.replace(code, character)
        return text.replace("%25", "%")


def test_hostile_names_control_neither_runner_nor_terminal(hostile, capsys, monkeypatch, tmp_path):
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    old, new = hostile
    assert regress(new, "--against", old) == 1
    out = capsys.readouterr().out
    read = Runner(out)
    assert read.token is None, "commands are on again"
    assert {kind for kind, _, _ in read.commands} == {"error", "warning"}
    assert [title for kind, title, _ in read.commands if kind == "error"] == ["title=anatomy-r1 regress: regression"]
    message = next(data for kind, _, data in read.commands if kind == "error")
    assert message.startswith("sgg_anatomy_mini: avg@5 fell by ")
    assert "%0A::set-output" in message, "the name as it is, not as a line of its own"
    assert not any(character in out for character in "\x1b\x00")
    shown = summary.read_text()
    assert shown.startswith("# Regression gate: REGRESSION")
    assert "<b>" not in shown.replace("\\<", "")


def test_a_pass_annotates_no_error(at, capsys):
    assert regress(at("same"), "--against", at("good"), "--github") == 0
    assert all(kind == "warning" for kind, _, _ in Runner(capsys.readouterr().out).commands)


def test_outside_github_nothing_is_guarded(at, capsys):
    regress(at("worse"), "--against", at("good"))
    assert "::" not in capsys.readouterr().out


def test_a_refusal_is_reported_everywhere_and_cannot_inject_commands(tmp_path, chance, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    old = cells(tmp_path, "old", chance[:50], [0], "w0")
    new = cells(tmp_path, "new", chance[:50], [1], "w0", prompt="\n::error::owned\n##[error]owned")
    assert regress(new, "--against", old, "--junit", tmp_path / "j.xml") == 2
    captured = capsys.readouterr()
    assert [kind for kind, _, _ in Runner(captured.out).commands] == ["error"]
    assert not Runner(captured.err).commands
    assert "--allow-different prompts" in captured.err
    suite = ET.parse(tmp_path / "j.xml").getroot().find("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("1", "0", "1")
    assert "--allow-different prompts" in suite.find("testcase/error").get("message")


def test_junit_is_valid_xml_for_any_names(hostile, tmp_path, capsys):
    old, new = hostile
    assert regress(new, "--against", old, "--junit", tmp_path / "deep" / "j.xml", "--metrics", "avg@5", "parsed") == 1
    root = ET.parse(tmp_path / "deep" / "j.xml").getroot()
    (suite,) = root.findall("testsuite")
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("sgg_anatomy_mini", "2", "1")
    failed = [case.get("name") for case in suite.findall("testcase") if case.find("failure") is not None]
    assert failed == ["avg@5"]
    text = suite.find("testcase/failure").text
    assert "]]> <b>&amp;</b>" in text
    assert "\x00" not in text
    assert "\ufffd" in text


def test_underpowered_fails_in_junit_only_if_power_is_required(tmp_path, chance, capsys):
    old, new = (cells(tmp_path, name, chance[:60], [seed], "w0") for name, seed in (("old", 0), ("new", 1)))
    for options, failures in (([], "0"), (["--require-power"], "1")):
        regress(new, "--against", old, "--junit", tmp_path / "j.xml", *options)
        assert ET.parse(tmp_path / "j.xml").getroot().find("testsuite").get("failures") == failures


def test_every_character_that_xml_forbids_is_replaced_and_no_other():
    for code in [*range(0x300), 0xD7FF, 0xD800, 0xDFFF, 0xE000, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x10FFFF]:
        kept = report.xml_text(chr(code)) == chr(code)
        allowed = code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code >= 0x10000
        assert kept == allowed, hex(code)
    assert ET.fromstring(report.junit_refusal("".join(map(chr, range(0xE000))))).find(".//error") is not None


def test_an_annotation_reads_back_unchanged():
    message, title = "50 % of\r\n::error::x, y: z", "a: b, c % d"
    (found,) = Runner(report.github_annotation("warning", message, title)).commands
    assert found == ("warning", f"title={title}", message.replace("\r", "?"))


def test_a_summary_that_github_would_drop_is_cut(tmp_path):
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    report.append_summary("x" * 3_000_000, {"GITHUB_STEP_SUMMARY": str(path)})
    text = path.read_text()
    assert text.startswith("before\nxxx")
    assert len(text) < 1024 * 1024
    assert "cut" in text[-100:]
    report.append_summary("x", {})


def test_guarded_output_has_a_token_of_its_own():
    first, second = (report.guarded("::error::x\n") for _ in range(2))
    assert first != second
    assert Runner(first).commands == []
