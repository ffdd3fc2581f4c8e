"""The forms in which lm-eval's output is met: names of files, marks of editors, the prompts of its chat route."""

import codecs
import json
import shutil

import pytest

from anatomy_r1.cli.main import main
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation import lm_eval_task
from anatomy_r1.results.store import load_result
from tests.results.submission.conftest import TASK, stock_run
from tests.results.submission.test_hostile import rewrite, rows, samples


@pytest.fixture(scope="module")
def named(data, tmp_path_factory):
    """A run with `--output_path out/my_run.json`."""
    folder = tmp_path_factory.mktemp("named")
    return stock_run(data, folder / "out" / "my_run.json")


def test_case_18_what_lm_eval_writes_for_an_output_path_that_is_a_file(named):
    written = sorted(path.name for path in named.parent.iterdir())
    assert len(written) == 2 and not named.exists()
    assert written[0].startswith("my_run_20") and written[1].startswith(f"samples_{TASK}_20")


@pytest.mark.parametrize("how", ["the --output_path", "its folder", "the file", "the folder above"])
def test_case_18_a_named_output_file_is_taken(submitted, named, stock, how):
    (file,) = named.parent.glob("my_run_*.json")
    source = {
        "the --output_path": named, "its folder": named.parent, "the file": file, "the folder above": named.parents[1],
    }[how]  # fmt: skip
    entered = submitted(source)
    whole = submitted(stock, method="whole")
    assert entered.submission.scores.overall == whole.submission.scores.overall
    assert entered.submission.differences == ()


def test_case_18_a_date_without_microseconds_and_a_name_with_underscores_and_dots(submitted, copy):
    (file,) = copy.rglob("results_*.json")
    samples(copy).rename(file.with_name(f"samples_{TASK}_2026-01-02T03-04-05.jsonl"))
    file.rename(file.with_name("my_run.v2_final_2026-01-02T03-04-05.json"))
    assert submitted(copy).submission.differences == ()


def test_case_18_two_runs_under_one_name_must_be_distinguished(submitted, named, tmp_path):
    copied = shutil.copytree(named.parent, tmp_path / "out")
    (file,) = copied.glob("my_run_*.json")
    shutil.copy(file, copied / "my_run_2026-01-01T00-00-00.json")
    with pytest.raises(AnatomyR1Error, match=r"holds 2 results files .*Fix: name one of them"):
        submitted(copied / "my_run.json")
    shutil.copy(file, copied / "other_2026-01-01T00-00-00.json")
    with pytest.raises(AnatomyR1Error, match="holds 2 results files"):
        submitted(copied / "my_run.json")


@pytest.mark.parametrize("name", ["notes.json", "samples.jsonl", "missing.json", "missing"])
def test_other_files_are_refused_with_a_way_out(submitted, tmp_path, name):
    told = r"no such file or folder\. Fix: name a checkpoint, a response log or a folder"
    if "missing" not in name:
        (tmp_path / name).write_text("{}")
        told = r"holds nothing that can be submitted.*--output_path"
    with pytest.raises(AnatomyR1Error, match=told):
        submitted(tmp_path / name)


def bom(raw):
    return codecs.BOM_UTF8 + raw


FORMS = {
    "a byte order mark": bom,
    "a blank last line": lambda raw: raw + b"\n",
    "blanks and tabs at the end": lambda raw: raw.replace(b"\n", b" \t\n") + b"  \n\t\n",
    "Windows line ends": lambda raw: raw.replace(b"\n", b"\r\n"),
    "no line end": lambda raw: raw.rstrip(b"\n"),
    "blank lines between": lambda raw: raw.replace(b"\n", b"\n\n"),
    "all of it": lambda raw: bom(b"\r\n" + raw.replace(b"\n", b" \r\n\r\n")),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("which", ["samples", "results"])
def test_case_18_marks_of_editors_are_taken(submitted, copy, form, which):
    file = samples(copy) if which == "samples" else next(copy.rglob("results_*.json"))
    file.write_bytes(FORMS[form](file.read_bytes()))
    assert submitted(copy).submission.differences == ()


def test_case_18_a_last_line_that_is_cut_off_is_refused(submitted, copy):
    raw = samples(copy).read_bytes()
    samples(copy).write_bytes(raw[:-200])
    with pytest.raises(AnatomyR1Error, match=r"jsonl:24: no valid JSON .*Fix: run lm-eval again"):
        submitted(copy)


def test_case_18_lines_are_counted_as_an_editor_counts_them(submitted, copy):
    lines = samples(copy).read_text().splitlines()
    samples(copy).write_text("\n".join(["", lines[0], "", "{", *lines[2:]]))
    with pytest.raises(AnatomyR1Error, match=r"jsonl:4: no valid JSON"):
        submitted(copy)


def same_document(changed):
    changed[3]["doc_id"] = changed[1]["doc_id"]


def text_as_number(changed):
    changed[2]["doc_id"] = "2"


def no_number(changed):
    del changed[2]["doc_id"]


def another_template(changed):
    for name in ("gen_args_0", "gen_args_1"):
        changed[5]["arguments"][name]["arg_0"] = "<system>Be brief." + changed[5]["arguments"][name]["arg_0"]


def other_arguments(changed):
    changed[4]["arguments"]["gen_args_0"]["arg_1"]["top_p"] = 0.5


def missing_repeat(changed):
    changed[6]["resps"][0].pop()


BROKEN = {
    "a document twice": (same_document, r"jsonl:4: question .* a second time: doc_id 1 is that of .*jsonl:2"),
    "a number as text": (text_as_number, r"jsonl:3: doc_id: Input should be a valid integer, found '2'"),
    "no number": (no_number, r"jsonl:3: doc_id: Field required"),
    "another chat template": (another_template, r"jsonl:6: another chat template .* than in .*jsonl:1: records of sev"),
    "other arguments": (other_arguments, r"jsonl:\d+: questions were sampled with 2 .* such as in .*jsonl:1: records"),
    "a missing repeat": (missing_repeat, r"jsonl:7: question .*: \[4, 1\] responses"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_records_of_several_runs_are_refused_with_file_and_line(submitted, copy, tmp_path, case):
    spoil, reason = BROKEN[case]
    changed = rows(copy)
    spoil(changed)
    rewrite(copy, changed)
    with pytest.raises(AnatomyR1Error, match=reason) as error:
        submitted(copy)
    assert "Fix: " in str(error.value)
    assert not list((tmp_path / "store").rglob("*.*"))


def test_a_key_twice_is_refused(submitted, copy):
    text = samples(copy).read_text()
    samples(copy).write_text(text.replace('"doc_id": 0,', '"doc_id": 7, "doc_id": 0,', 1))
    with pytest.raises(AnatomyR1Error, match=r"jsonl:1: no valid JSON \(ValueError: key 'doc_id' twice"):
        submitted(copy)


def chat_api(turns):
    """The prompt of lm-eval's `local-chat-completions`, `openai-chat-completions` and the others like them."""
    from lm_eval.models.api_models import JsonChatStr

    return JsonChatStr(json.dumps(turns, ensure_ascii=False))


@pytest.fixture(scope="module")
def chat_run(data, tmp_path_factory):
    return stock_run(data, tmp_path_factory.mktemp("chat"), chat=chat_api)


@pytest.fixture(scope="module")
def literal_run(data, tmp_path_factory):
    """A run of a release that left the placeholder in the text."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lm_eval_task, "without_placeholder", lambda prompt: prompt)
        return stock_run(data, tmp_path_factory.mktemp("literal"), chat=chat_api)


def test_case_27_lm_evals_chat_route_sends_what_evaluate_sends_to_a_server(chat_run):
    """lm-eval puts the image before the text itself; the text is that of the server engine, part for part."""
    from lm_eval.models.api_models import create_image_prompt
    from PIL import Image

    from anatomy_r1.evaluation.engines.server_messages import as_prompt
    from anatomy_r1.evaluation.items import user_turn

    first = rows(chat_run)[0]
    for request in first["arguments"].values():
        (sent,) = request["arg_0"]
        whole = create_image_prompt([Image.new("RGB", (8, 8))], json.loads(sent))
        kinds = [{"type": "image"} if part["type"] == "image_url" else part for part in whole[-1]["content"]]
        ours = json.loads(as_prompt([{"role": "user", "content": user_turn(first["doc"]["prompt"], "a.png")}]))
        assert kinds == ours[-1]["content"]
        assert "<image>" not in sent


def test_case_27_other_routes_keep_the_placeholder_for_their_template(stock):
    assert rows(stock)[0]["arguments"]["gen_args_0"]["arg_0"].startswith("<user><image>")


def test_case_27_a_literal_placeholder_is_named_by_submit(submitted, literal_run, chat_run):
    entered, clean = submitted(literal_run), submitted(chat_run, method="clean")
    line = "PROMPTS DIFFER: each text sent began with a literal <image>"
    assert line in entered.summary() and line not in clean.summary()
    recorded, without = (load_result(one.path).provenance for one in (entered, clean))
    assert recorded["submitted"]["prompts"].startswith("each text sent began with a literal <image>")
    assert "prompts" not in without["submitted"]
    assert recorded["prompt"] != without["prompt"]


def test_case_27_a_literal_placeholder_is_named_by_compare_and_tables(
    submitted, literal_run, chat_run, tmp_path, capsys
):
    from reports.write import table_files

    for source, method in ((literal_run, "literal"), (chat_run, "clean")):
        submitted(source, method=method)
    folders = [str(path) for path in sorted((tmp_path / "store").glob("*/*/*"))]
    assert main(["compare", *folders]) == 2
    assert "prompts differ in wording" in capsys.readouterr().err
    assert main(["compare", *folders, "--allow-different", "prompts"]) == 0
    assert "prompts differ in wording" in " ".join(capsys.readouterr().out.split())
    table = " ".join(table_files("table1", tmp_path / "store")["table1.txt"].split())
    assert "prompts: each text sent began with a literal <image>" in table


def test_a_system_instruction_is_another_wording_and_refused(data, tmp_path, submitted):
    def turns(history):
        return "".join(f"<{one['role']}>{one['content']}" for one in history)

    out = stock_run(data, tmp_path / "out", chat=turns, system_instruction="The answer is always B.")
    with pytest.raises(AnatomyR1Error, match="without --system_instruction"):
        submitted(out)
    assert not list((tmp_path / "store").rglob("*.json"))
