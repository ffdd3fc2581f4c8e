"""The generated twin of the three released files is confounded as they are: everything counted, on both."""

import json
from collections import Counter
from itertools import combinations

import pytest
from scipy.stats import chisquare, spearmanr

from anatomy_r1.data.inputs import DataError, Exclusions
from anatomy_r1.data.prepare.options import ReleasedOptions
from anatomy_r1.data.prepare.released import prepare, read_released
from anatomy_r1.data.prepared import load
from anatomy_r1.data.stems import parse_stem
from anatomy_r1.mini.released_twin import FILES, SHARED, share_out, twin
from anatomy_r1.mini.world import WorldSpec, write_world
from anatomy_r1.question import LETTERS
from anatomy_r1.training.similarity import mini_similarity, served_difficulty

pytestmark = pytest.mark.slow

SIZE = 120


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("twin") / "world"
    spec = WorldSpec(train_videos=8, validation_videos=1, test_videos=1, frames_per_video=45, slides=1)
    write_world(root, spec, progress=False)
    return root


@pytest.fixture(scope="module")
def files(world):
    return twin(world, SIZE)


def read(name, records):
    """As the reader of the real files sees them; it refuses records of another form."""
    found = list(read_released(json.dumps(records).encode(), f"{name}.json", Exclusions(), "sgg_anatomy_mini"))
    return [record.question for record in found], {record.wording for record in found}


def counted(files):
    """What the confounds are, of three files in the authors' form."""
    questions = {name: read(name, records)[0] for name, records in files.items()}
    sizes = {name: len(found) for name, found in questions.items()}
    frames = {name: {q.image for q in found} for name, found in questions.items()}
    families = {name: Counter(parse_stem(q.stem).family for q in found) for name, found in questions.items()}
    return {
        "there": {n: sum(q.stem.startswith("There is") for q in found) / sizes[n] for n, found in questions.items()},
        "shared": [len(frames[a] & frames[b]) / sizes[a] for a, b in combinations(questions, 2)],
        "located": {name: found["location"] / sizes[name] for name, found in families.items()},
        "zero": {name: found["zero_hop"] / sizes[name] for name, found in families.items()},
        "keys": {name: tuple(records[0]) for name, records in files.items()},
        "blank": {name: all(r["images"].startswith(" ") for r in records) for name, records in files.items()},
        "wordings": {name: read(name, records)[1] for name, records in files.items()},
        "videos": {name: {q.cluster for q in found} for name, found in questions.items()},
    }


@pytest.mark.slow
def test_the_twin_is_confounded_in_proportion(files):
    found = counted(files)
    assert found["there"] == {"GRPO": 0, "GRPO-GDQA": pytest.approx(0.365, abs=0.01), "GRPO-ASC-Learning": 0}
    assert found["shared"] == [round(SHARED * SIZE) / SIZE] * 3
    assert found["wordings"] == {"GRPO": {"answer"}, "GRPO-GDQA": {"choice"}, "GRPO-ASC-Learning": {"mixed"}}
    assert found["blank"] == {"GRPO": True, "GRPO-GDQA": False, "GRPO-ASC-Learning": False}
    assert ["sft_instruction" in keys for keys in found["keys"].values()] == [False, True, False]
    for name, file in FILES.items():
        assert found["located"][name] == pytest.approx(file.families["location"], abs=0.01)
        assert found["zero"][name] == pytest.approx(file.families["zero_hop"], abs=0.01)
        assert found["videos"][name] == {f"VID{i:02d}" for i in range(1, 9)}  # all training videos, and no other


def test_the_real_files_have_what_the_twin_copies(real_data):
    found = counted({name: json.loads((real_data / f"released/{name}.json").read_text()) for name in FILES})
    assert found["there"] == {"GRPO": 0, "GRPO-GDQA": 0.365, "GRPO-ASC-Learning": 0}
    assert min(found["shared"]) == 0.043
    assert max(found["shared"]) == 0.053
    assert found["wordings"] == {name: {file.wording} for name, file in FILES.items()}
    assert found["blank"] == {name: file.before_path == " " for name, file in FILES.items()}
    assert all(FILES[name].direct_key in keys for name, keys in found["keys"].items())
    for name, file in FILES.items():
        assert found["located"][name] == pytest.approx(file.families["location"])
        assert found["zero"][name] == pytest.approx(file.families["zero_hop"])


def test_distractors_of_the_asc_twin_are_uniform_and_unordered(files):
    asked, _ = read("GRPO-ASC-Learning", files["GRPO-ASC-Learning"])
    similarity = mini_similarity()
    difficulty = [served_difficulty(similarity, q.answer, q.options) for q in asked]
    assert spearmanr(range(SIZE), difficulty).pvalue > 0.01
    letters = Counter(q.letter for q in asked)
    assert chisquare([letters[letter] for letter in LETTERS[:4]]).pvalue > 0.01
    others = Counter(name for q in asked for name in q.options if name != q.answer)
    expected = {name: sum(q.answer != name for q in asked) * 3 / 5 for name in others}
    assert sum(others.values()) == pytest.approx(sum(expected.values()))
    assert chisquare(list(others.values()), [expected[name] for name in others]).pvalue > 0.01


@pytest.mark.slow
def test_questions_differ_between_files_and_the_draw_is_repeatable(world, files):
    stems = {name: {(r["images"].strip(), r["instruction"][-200:]) for r in records} for name, records in files.items()}
    assert all(len(stems[a] & stems[b]) <= 2 for a, b in combinations(stems, 2))
    assert twin(world, SIZE) == files
    assert twin(world, SIZE, seed=1) != files


def test_a_world_too_small_is_refused(world):
    with pytest.raises(DataError, match="twin of GRPO: 5000 records asked for"):
        twin(world, 5000)


def test_frames_are_never_promised_twice():
    shares = share_out([str(i) for i in range(30)], 100)  # fewer frames than records
    used = Counter(image for images in shares.values() for image in images)
    assert sum(count == 2 for count in used.values()) == 15
    assert max(used.values()) == 2
    assert sum(used.values()) == 45


def test_prepared_with_scene_graphs_every_question_has_a_rationale(world, files, tmp_path):
    path = tmp_path / "GRPO.json"
    path.write_text(json.dumps(files["GRPO"]))
    frames, graphs = world / "CholecT45" / "data", world / "SSG-VQA" / "scene_graph"
    prepare(ReleasedOptions(files=(path,), frames=frames, scene_graphs=graphs, out=tmp_path / "with"))
    found = load(tmp_path / "with", "train")
    assert found.wording == "answer"
    assert all(q.rationale.endswith(f", so {q.answer}") for q in found.questions)
    prepare(ReleasedOptions(files=(path,), frames=frames, out=tmp_path / "without"))
    bare = [q for q in load(tmp_path / "without", "train").questions if not q.rationale]
    assert not bare or {q.family for q in bare} <= {"one_hop"}  # the stem alone says neither place nor looks
    assert any(a != b for a, b in zip(found.questions, load(tmp_path / "without", "train").questions, strict=True))


def test_a_set_of_two_wordings_says_so(world, files, tmp_path):
    paths = [tmp_path / f"{name}.json" for name in ("GRPO", "GRPO-GDQA")]
    for path in paths:
        path.write_text(json.dumps(files[path.stem]))
    prepare(ReleasedOptions(files=tuple(paths), frames=world / "CholecT45" / "data", out=tmp_path / "both"))
    with pytest.raises(DataError, match="several wordings"):
        _ = load(tmp_path / "both", "train").wording
