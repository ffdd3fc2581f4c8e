"""Methods from a file of the user's: what is taken, what is refused, and that a changed file is another method."""

import json
import sys
from pkgutil import resolve_name

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.provenance import ROOT
from baselines.__main__ import main
from baselines.experiment.cell import Cell, GridRun, Layout, settings
from baselines.experiment.plan import evaluations, select
from baselines.experiment.profile import digest, load_profile
from baselines.grid.grid import configuration
from baselines.methods import registry as methods
from baselines.methods.method import Method
from baselines.methods.registry import METHODS, add_methods, find_method, read_methods
from baselines.stages.stages import run_stage
from tests.helpers.smoke import smoke_profile

HEAD = "from baselines.methods.grpo import GRPO\nfrom baselines.methods.method import Method\n"
OWN = 'METHODS = (GRPO.but("mine", "Mine", paper="ours", knobs={"beta": 0.01}),)\n'


@pytest.fixture(autouse=True)
def forgetful(monkeypatch):
    """Each test is a process of its own as far as methods of files go."""
    monkeypatch.setattr(methods, "_added", {})
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith("method_file_"):
            del sys.modules[name]


@pytest.fixture
def file(tmp_path):
    def write(text, name="my_method.py"):
        path = tmp_path / name
        path.write_text(HEAD + text)
        return path

    return write


def test_a_files_method_is_known_by_its_id(file):
    (own,) = add_methods([str(file(OWN))])
    assert find_method("mine") == own
    assert own.trainer == "baselines.trainers.LoggedGRPOTrainer"
    assert "mine" in select(load_profile("mini"), methods=["all"]).methods


def test_a_trainer_and_a_reward_of_the_file_itself_are_found_by_name(file):
    text = 'def short(**_):\n    return [1.0]\n\n\nMETHODS = (GRPO.but("mine", "M", rewards=(f"{__name__}.short",)),)\n'
    (own,) = add_methods([str(file(text))])
    assert resolve_name(own.rewards[0])() == [1.0]


def test_a_changed_file_is_another_method_and_the_others_stay_what_they_were(file):
    cell, profile = Cell("sgg_anatomy_mini", "mini-l", "mine", 0), load_profile("mini")
    digests = []
    for text in (OWN, OWN + "# a word\n"):
        methods._added.clear()
        sys.modules.pop("method_file_my_method", None)
        add_methods([str(file(text))])
        digests.append(digest(settings(profile, cell)))
    assert digests[0] != digests[1]
    plan = settings(profile, Cell("sgg_anatomy_mini", "mini-l", "grpo", 0))
    assert set(plan["method"]) == {"trainer", "style", "start"}, "plans of before must stay equal"


def test_the_grid_hands_the_file_to_its_stages_and_says_which_methods_are_its(file, tmp_path):
    path = str(file(OWN))
    add_methods([path])
    profile = smoke_profile()
    run = GridRun(profile, Layout(tmp_path), "smoke", method_files=(path,))
    written = configuration(run, select(profile, methods=["zero-shot", "mine"]))
    assert (written["method_files"], written["own"]) == ([path], ["mine"])
    assert json.loads(json.dumps(written)) == written


def test_the_files_methods_run_in_addition_to_those_that_are_named(file, tmp_path, capsys):
    words = ["plan", "--profile", "smoke", "--runs", str(tmp_path), "--method-file", str(file(OWN))]
    assert main([*words, "--methods", "sft", "--arms", "matched"]) == 0
    trained = {line.split()[-1].split("/")[2] for line in capsys.readouterr().out.splitlines() if "  train " in line}
    assert trained == {"sft", "mine"}


def test_two_files_of_one_name_are_told_apart(file, tmp_path):
    first = file(OWN)
    (tmp_path / "b").mkdir()
    second = tmp_path / "b" / "my_method.py"
    second.write_text(HEAD + OWN.replace('"mine"', '"other"'))
    with pytest.raises(AnatomyR1Error, match="another method file has this name"):
        add_methods([str(first), str(second)])


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "defines no METHODS"),
        ("METHODS = [GRPO]\n", "defines no METHODS"),
        ("METHODS = (1,)\n", "defines no METHODS"),
        ("METHODS = (GRPO,)\n", "there is a method 'grpo' already"),
        (OWN.replace('"mine"', '"all"'), "and not `all`"),
        (OWN.replace('"mine"', '"../up"'), "lower-case letters, digits, dots and hyphens"),
        (OWN.replace('"mine"', '"a b"'), "lower-case letters"),
        (OWN.replace("(GRPO", "(GRPO.but('mine', 'M'), GRPO"), "there is a method 'mine' already"),
        (OWN.replace("paper=", "start='nowhere', paper="), "starts from 'nowhere', which is not defined before it"),
        (OWN.replace("paper=", "trainer=f'{__name__}.Gone', paper="), "names 'Gone', which the file does not define"),
        (OWN.replace("paper=", "rewards=(f'{__name__}.gone',), paper="), "names 'gone', which the file does not"),
        ("METHODS = (Method('c', 'C', '', kind='control', style='think'),)\n", "a control needs code in"),
        (OWN.replace("paper=", "start='zero-shot', paper="), "starts from 'zero-shot', which is not trained"),
        ("1 / 0\n", "fails when it is run: ZeroDivisionError"),
        ("def (\n", "fails when it is run: SyntaxError"),
        ("import nothing_of_this_name\n", "fails when it is run: ModuleNotFoundError"),
    ],
    ids=[
        "empty", "a list", "no method", "a known id", "all", "a path", "a blank", "twice", "a start that is none",
        "no such trainer", "no such reward", "a control", "an untrained start", "an error", "no Python", "an import",
    ],
)  # fmt: skip
def test_refused_before_anything_runs(file, text, reason, tmp_path, capsys):
    words = ["run", "--profile", "smoke", "--runs", str(tmp_path / "runs"), "--method-file", str(file(text))]
    assert main(words) == 2
    assert reason in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("name", ["gone.py", "notes.txt"])
def test_a_missing_or_non_python_file_is_refused(tmp_path, name):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(AnatomyR1Error, match="Fix: "):
        read_methods(tmp_path / name, METHODS)


def test_only_what_is_rewarded_has_rewards():
    with pytest.raises(ValueError, match="kind 'sft' uses no rewards"):
        Method("x", "X", "", kind="sft", style="think", trainer="t.T", rewards=("r",))


def test_several_processes_of_one_training_get_the_file_too(file, tmp_path, monkeypatch):
    import dataclasses

    from baselines.experiment.profile_file import Launch
    from baselines.stages.stages import start_training

    started = []
    monkeypatch.setattr(
        "baselines.stages.stages.start_workers", lambda launch, words, environment: started.extend(words)
    )
    profile = dataclasses.replace(smoke_profile(), launch=Launch(2))
    start_training("b/m/mine/seed0", GridRun(profile, Layout(tmp_path), "smoke", method_files=("/a/my.py",)))
    assert started[started.index("--method-file") + 1] == "/a/my.py"
    assert started[-1] == "b/m/mine/seed0"


CASE_11 = {
    "a misspelt knob": ("knobs={'betta': 0.1}", "knobs.betta: unknown key 'betta' (did you mean 'beta'?)"),
    "another framework's knob": (
        "knobs={'kl_coef': 0.1}",
        "knobs.kl_coef: unknown key 'kl_coef' (TRL's name is 'beta')",
    ),
    "a number as text": ("knobs={'beta': '1e-3'}", "knobs.beta: found the string '1e-3': write 1.0e-3"),
    "a boolean for an integer": ("knobs={'num_generations': True}", "knobs.num_generations: should be a valid integer"),
    "no number": ("knobs={'beta': float('nan')}", "knobs.beta: should be a finite number, found nan"),
    "a negative bound": ("knobs={'epsilon': -0.2}", "knobs.epsilon: should be above 0, found -0.2"),
    "a group that does not divide the batch": (
        "knobs={'num_generations': 6}",
        "knobs.num_generations: 6 does not divide",
    ),
    "an unknown loss": ("knobs={'loss_type': 'grpo2'}", "knobs.loss_type: 'grpo2' is none of grpo, bnpo"),
    "bounds the wrong way round": ("knobs={'epsilon_high': 0.1}", "knobs.epsilon_high: 0.1 is below epsilon 0.2"),
    "rewards that count nothing": (
        "knobs={'reward_weights': (0.0, 0.0)}",
        "knobs.reward_weights: should be 0 or more, and not all 0",
    ),
    "noise beyond the range of a picture": ("knobs={'noise_strength': 50}", "knobs.noise_strength: should be a share"),
    "noise that no one could see through": (
        "knobs={'augment_image': True, 'noise_strength': 0.5}",
        "knobs.noise_strength: noise_strength 0.5 should be above 0, at most 0.2",
    ),
    "noise without strength": (
        "knobs={'augment_image': True, 'noise_strength': 0.0}",
        "knobs.noise_strength: noise_strength 0 should be above 0",
    ),
    "rewards of one name": (
        "rewards=(f'{__name__}.wide', f'{__name__}.wide')",
        "rewards: two of them are called 'wide', and the training log keeps one value under a name: rename one",
    ),
    "similarities in no file": (
        "knobs={'curriculum': 'levels', 'similarity': 'nowhere.json'}",
        "knobs.similarity: there is no file nowhere.json",
    ),
    "weights of other rewards": (
        "knobs={'reward_weights': (1.0,)}",
        "knobs.reward_weights: has 1 weights for 2 rewards",
    ),
    "a function for a number": ("knobs={'beta': print}", "knobs['beta']: should be text, a number"),
    "a seed": ("knobs={'seed': 3}", "knobs.seed: would have no effect, default.seeds or --seeds sets it"),
    "a misspelt knob as released": (
        "release='GRPO', release_knobs={'curiculum': 'ordered'}",
        "release_knobs.curiculum: unknown key 'curiculum' (did you mean 'curriculum'?)",
    ),
    "a lambda as a reward": (
        "rewards=(lambda **_: [1.0],)",
        "rewards[0]: should be a valid string, found <function <la",
    ),
    "a lambda by name": ("rewards=(f'{__name__}.<lambda>',)", "names '<lambda>', which the file does not define"),
    "a forgotten comma": (
        "rewards=('a.b')",
        "rewards: should be a valid tuple, found 'a.b'. Fix: a dotted name such as",
    ),
    "a reward in no module": (
        "rewards=('nowhere.reward',)",
        "rewards: 'nowhere.reward' cannot be found (No module named",
    ),
    "a reward that takes no columns": ("rewards=(f'{__name__}.narrow',)", "takes no **columns, which TRL passes"),
    "a reward that is no function": (
        "rewards=(f'{__name__}.NUMBER',)",
        "'method_file_my_method.NUMBER' is no function",
    ),
    "a trainer of the other kind": (
        "trainer='baselines.trainers.OrderedSFTTrainer'",
        "'baselines.trainers.OrderedSFTTrainer' is no subclass of LoggedGRPOTrainer",
    ),
    "a trainer that there is none of": (
        "trainer='baselines.trainers.GRPO'",
        "'baselines.trainers.GRPO' cannot be found",
    ),
    "a budget that the profile lacks": (
        "budget='r1'",
        "trains with training.r1, which baselines/profiles/smoke.yaml lacks",
    ),
    "an unknown style": ("style='thinking'", "style: should be 'think' or 'direct', found 'thinking'"),
}


@pytest.mark.parametrize("what", CASE_11)
def test_case_11_a_method_that_could_not_be_trained_is_refused_by_the_plan(what, file, tmp_path, capsys):
    own, message = CASE_11[what]
    head = "NUMBER = 3\n\n\ndef narrow(completions):\n    return [1.0]\n\n\n"
    head += "def wide(completions, **columns):\n    return [1.0] * len(completions)\n\n\n"
    path = file(head + OWN.replace('knobs={"beta": 0.01}', own))
    words = ["plan", "--profile", "smoke", "--runs", str(tmp_path / "runs"), "--method-file", str(path)]
    assert main([*words, "--methods", "grpo"]) == 2
    said = capsys.readouterr().err
    assert message in said.replace(f"{ROOT}/", "")
    assert said.startswith(f"error: {path}: method mine")
    assert said.count("\n") == 1


@pytest.mark.parametrize("label", ["GRPO", "grpo ", "SFT+GRPO"], ids=["the same", "but for case and blanks", "another"])
def test_case_11_two_rows_of_a_table_do_not_look_alike(label, file):
    with pytest.raises(AnatomyR1Error, match=r"two rows of a table would look alike\. Fix: choose another label"):
        add_methods([str(file(OWN.replace('"Mine"', repr(label))))])


def test_case_11_a_file_that_ends_the_process_is_refused(file):
    with pytest.raises(AnatomyR1Error, match=r"fails when it is run: SystemExit: 0\. Fix: "):
        add_methods([str(file("import sys\n\nsys.exit(0)\n"))])


def test_a_changed_file_of_the_same_size_in_the_same_second_is_run_as_it_is_now(file):
    """Python's cache of compiled files knows a file by size and second; the recorded hash is of what runs."""
    (first,) = add_methods([str(file(OWN))])
    methods._added.clear()
    del sys.modules["method_file_my_method"]
    (second,) = add_methods([str(file(OWN.replace("0.01", "0.02")))])
    assert (first.knobs["beta"], second.knobs["beta"]) == (0.01, 0.02)
    assert first.file_sha256 != second.file_sha256


def test_what_starts_from_a_method_without_a_released_file_is_not_in_that_arm(file):
    """It was planned in it, with a training set of no name that no stage could make."""
    text = 'METHODS = (GRPO.but("mine", "Mine", start="grpo-asc-pool"), GRPO.but("after-sft", "After", start="sft"))\n'
    add_methods([str(file(text))])
    profile = load_profile("mini")
    chosen = select(profile, methods=["mine", "after-sft"], benchmarks=["sgg_anatomy_mini"], arms=["as-released"])
    assert [cell.method_id for cell, _ in evaluations(profile, chosen)] == ["after-sft"]


def test_a_stage_refuses_a_method_file_that_was_changed_while_the_grid_runs(file, tmp_path):
    """It would train what the file says now, and be recorded as what the grid was asked for."""
    path = str(file(OWN))
    add_methods([path])
    run = GridRun(smoke_profile(), Layout(tmp_path / "runs"), "smoke", method_files=(path,))
    digests = configuration(run, select(run.profile, methods=["mine"], arms=["matched"]))["digests"]
    methods._added.clear()
    del sys.modules["method_file_my_method"]
    add_methods([str(file(OWN.replace("0.01", "0.02")))])
    for stage, cell in (("train", "mine/seed0"), ("evaluate", "mine/matched/seed0")):
        name = f"sgg_anatomy_mini/mini-l/{cell}"
        with pytest.raises(AnatomyR1Error, match=r"no longer those that the grid began with .*Fix: leave the profile"):
            run_stage(stage, name, run, digests[f"{stage}/{name}"])
        assert json.loads(run.layout.progress(stage, name).read_text())["state"] == "failed"


def test_what_a_stage_is_told_are_the_settings_that_it_finds(file, tmp_path):
    from baselines.stages.stages import _check_settings

    profile = smoke_profile()
    chosen = select(profile, methods=["sft-grpo", "zero-shot@no-image"], arms=["matched", "as-released"])
    digests = configuration(GridRun(profile, Layout(tmp_path), "smoke"), chosen)["digests"]
    checked = [key for key in digests if key.partition("/")[0] in ("train", "evaluate")]
    assert len(checked) > 8
    for key in checked:
        stage, _, name = key.partition("/")
        _check_settings(stage, name, profile, digests[key])
