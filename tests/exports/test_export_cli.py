"""`anatomy-r1 export`: what it writes and prints, and its refusals."""

import pytest

from anatomy_r1.cli.main import main


def run(capsys, *arguments):
    status = main(["export", *map(str, arguments)])
    return status, capsys.readouterr()


def test_every_format_from_a_log(export_log, export_data, tmp_path, capsys):
    common = (export_log, "--data", export_data, "--name", "ours", "--out", tmp_path)
    status, said = run(capsys, "every-eval-ever", *common, "--developer", "our-lab", "--date", "2026-01-31")
    assert status == 0
    assert len(list(tmp_path.glob("data/sgg_anatomy_mini/our-lab/ours/*"))) == 2
    assert "UNFIT: log.sqlite#" in said.out
    assert "note in it: The questions and images are generated" in said.out
    status, said = run(capsys, "inspect", *common)
    assert status == 0
    assert "inspect view --log-dir" in said.out
    status, said = run(capsys, "hub", *common)
    assert status == 0
    assert (tmp_path / "README.md").is_file()
    assert ".eval_results was not written" in said.out
    assert "--dataset ORG/NAME" in said.out


def test_a_store_is_exported_result_by_result(stored, tmp_path, capsys):
    store = stored.parents[4]
    status, said = run(capsys, "every-eval-ever", store, "--developer", "our-lab", "--out", tmp_path)
    assert status == 0
    (path,) = tmp_path.rglob("*.json")
    assert str(path) in said.out
    assert path.parent.name == "mini-l-ours-submitted-seed0"


def test_croissant_beside_the_set(export_data, tmp_path, capsys):
    status, said = run(capsys, "croissant", export_data / "sgg_anatomy_mini", "--out", tmp_path / "c.json")
    assert (status, said.out) == (0, f"{tmp_path / 'c.json'}\n")


@pytest.mark.parametrize(
    ("format_", "more", "word"),
    [
        ("inspect", (), "add --data DIR"),
        ("every-eval-ever", ("--developer", "a/b", "--data", "DATA", "--name", "m"), "--developer 'a/b'"),
        ("every-eval-ever", ("--developer", "a", "--date", "yesterday"), "--date 2026-01-31"),
        ("hub", ("--data", "DATA", "--name", "m", "--dataset", "bench"), "--dataset ORG/NAME"),
    ],
    ids=["no data", "no folder", "no date", "no data set"],
)
def test_refusals_name_the_way_out(format_, more, word, export_log, export_data, tmp_path, capsys):
    given = [export_data if one == "DATA" else one for one in more]
    status, said = run(capsys, format_, export_log, "--out", tmp_path, *given)
    assert status == 2
    assert "Fix: " in said.err
    assert word in said.err
    assert not list(tmp_path.iterdir())


def test_terms_of_real_questions_are_named(evidence, tmp_path, capsys):
    from dataclasses import replace

    from anatomy_r1.cli.export import _report

    _report([tmp_path], [replace(evidence, benchmark="sgg_anatomy")])
    assert "DATA_LICENSES.md" in capsys.readouterr().out
    _report([tmp_path], [evidence])
    assert "DATA_LICENSES.md" not in capsys.readouterr().out
