"""No distractor may be right too, and a rationale states only what the frame or the stem states."""

import json
from collections import Counter

import pytest

from anatomy_r1.data.prepare.frame_facts import FrameFacts, also_right, frame_facts
from anatomy_r1.data.prepare.sgg import draw_options, surgical
from anatomy_r1.data.prepare.ssg_vqa import parse_graph, parse_line
from anatomy_r1.data.stems import SIX, display, parse_stem

# Two anatomies at bottom-mid, gallbladder below the liver, a second red thing (gut) at top-right.
OBJECTS = [
    ("liver", "anatomy", "top-left"),
    ("gallbladder", "anatomy", "bottom-mid"),
    ("omentum", "anatomy", "bottom-mid"),
    ("gut", "anatomy", "top-right"),
    ("grasper", "instrument", "bottom-mid"),
]
BELOW_LIVER = [[1], [], [], [], []]


@pytest.fixture
def graph(request):
    things = [{"component": c, "type": t, "location": p} for c, t, p in OBJECTS]
    tables = {"below": BELOW_LIVER, "left": [[], [], [], [0, 1], []]}
    return parse_graph({"scenes": [{"objects": things, "relationships": tables}]}, "g.json")


def facts(graph, *lines):
    return frame_facts([parse_line(text, "f.txt", number) for number, text in enumerate(lines, 3)], graph)


WHERE = "What anatomy is at the {} of the frame ?"
# why -> (stem, answer, whether the graph is there, other lines of the frame, what else is right)
CASES = {
    "two at the place, by the graph": (WHERE.format("bottom-mid"), "gallbladder", True, [], {"omentum"}),
    "two at the place, by location lines": (
        WHERE.format("top-mid"), "gut", False, [WHERE.format("top-mid") + "|liver|[1.0, 2.0]"], {"liver"},
    ),
    "one at the place": (WHERE.format("top-left"), "liver", True, [], set()),
    "the colour tells them apart": ("What is the white bottom-mid anatomy?", "gallbladder", True, [], set()),
    "without a colour it does not": ("What is the bottom-mid anatomy?", "gallbladder", True, [], {"omentum"}),
    "the relation tells them apart": (
        "What is the name of the bottom-mid anatomy below the brown liver thing?", "gallbladder", True, [], set(),
    ),
    "a relation without a graph does not": (
        "What is the name of the bottom-mid anatomy below the brown liver thing?", "gallbladder", False,
        [WHERE.format("bottom-mid") + "|omentum"], {"omentum"},
    ),
    "the same stem with another answer": (
        "What is the red anatomy?", "gut", False,
        ["What is the red anatomy?|cystic_plate|zero_hop.json|query_component|NA"], {"cystic_plate"},
    ),
    "the relation holds for two": (
        "What is the name of the thing left of the gut anatomy?", "liver", True, [], {"gallbladder"},
    ),
    "a graph without the answer is not used": (
        "What is the red anatomy?", "cystic_plate", True, [], set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_also_right(case, graph):
    stem, answer, with_graph, lines, expected = CASES[case]
    found = also_right(stem, answer, facts(graph if with_graph else None, *lines))
    assert found & set(SIX) == expected


def test_a_relation_lists_the_objects_that_are_so_related_to_the_object(graph):
    stem = parse_stem("What is the name of the thing below the liver anatomy?")
    assert surgical(stem, "gallbladder", graph).basis == "scene graph"  # below[liver] = [gallbladder]
    reverse = parse_stem("What is the name of the thing below the gallbladder anatomy?")
    assert surgical(reverse, "liver", graph).basis == "none"  # below[gallbladder] = []


# stem, answer, with graph -> rationale, basis
RATIONALES = [
    (WHERE.format("top-right"), "gut", True, "top-right : red , so Gut", "scene graph"),
    ("What is the name of the thing below the liver anatomy?", "gallbladder", True,
     "bottom-mid : white , so Gallbladder", "scene graph"),
    ("What is the yellow top-mid anatomy?", "omentum", False, "top-mid : yellow , so Omentum", "stem"),
    ("There is a white thing, what is its name?", "gallbladder", False, "white , so Gallbladder", "stem"),
    ("What is the name of the thing within the gut anatomy?", "liver", False, "", "none"),
    (WHERE.format("None"), "liver", False, "", "none"),
]  # fmt: skip


@pytest.mark.parametrize(("stem", "answer", "with_graph", "text", "basis"), RATIONALES)
def test_rationale(stem, answer, with_graph, text, basis, graph):
    found = surgical(parse_stem(stem), answer, graph if with_graph else None)
    assert (found.text, found.basis) == (text, basis)


def test_generated_graphs_state_the_texture():
    thing = {"component": "gut", "type": "anatomy", "location": "mid-right", "color": "yellow", "texture": "glossy"}
    graph = parse_graph({"scenes": [{"objects": [thing], "relationships": {}}]}, "g.json")
    stem = parse_stem(WHERE.format("mid-right"))
    assert surgical(stem, "gut", graph).text == "mid-right : yellow glossy , so Gut"


def test_two_of_a_kind_leave_the_place_open():
    things = [{"component": "gut", "type": "anatomy", "location": p} for p in ("center", "mid-left")]
    graph = parse_graph({"scenes": [{"objects": things, "relationships": {}}]}, "g.json")
    assert surgical(parse_stem("What is the red anatomy?"), "gut", graph).basis == "stem"


def test_distractors_and_their_order_are_uniform_and_independent_of_order():
    pool = sorted(set(SIX) - {"gut"})
    draws = [draw_options("gut", pool, f"VID01/{i}/3", 0) for i in range(3000)]
    assert draws[7] == draw_options("gut", pool, "VID01/7/3", 0) != draw_options("gut", pool, "VID01/7/3", 1)
    at = Counter(options.index("Gut") for options in draws)
    chosen = Counter(option for options in draws for option in options if option != "Gut")
    assert all(abs(at[i] - 750) < 120 for i in range(4)), at  # 5 standard deviations of a binomial (24)
    assert set(chosen) == {display(label) for label in pool}
    assert all(abs(n - 1800) < 135 for n in chosen.values()), chosen  # 5 standard deviations (27)


def test_a_question_without_three_wrong_options_is_left_out(sgg, tmp_path):
    from anatomy_r1.data.prepare.options import SggOptions
    from anatomy_r1.data.prepare.sgg import prepare
    from anatomy_r1.data.prepared import load

    stem = "What anatomy is at the top-mid of the frame ?"
    crowded = "".join(f"{stem}|{label}\n" for label in ("gut", "liver", "omentum", "gallbladder"))
    pair = "".join(f"{stem}|{label}\n" for label in ("gut", "liver"))
    root = sgg({"VID01": {1: crowded, 2: pair}, "VID70": {0: pair}}, graphs=False)
    how = {"split": "unused", "train": 10, "test": 10, "no_scene_graphs": True}
    left_out = prepare(SggOptions(root=root, out=tmp_path / "out", **how)).excluded
    kept = load(tmp_path / "out", "train").questions
    assert {q.image for q in kept} == {"VID01/000002.png"}
    for q in kept:
        assert len(set(q.options) & {"Gut", "Liver"}) == 1, "the other right answer is among the options"
    assert left_out["question with fewer than 3 distractors that are wrong"] == 4
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["excluded"]["distractor that is also right"] == 4 * 3 + 2 + 2
    kept = {q.id: q.answer for name in ("train", "test") for q in load(tmp_path / "out", name).questions}
    other = {"Gut": ["Liver"], "Liver": ["Gut"]}
    assert manifest["also_right"] == {name: other[answer] for name, answer in kept.items()}


def test_facts_hold_every_answer():
    one = facts(None, WHERE.format("center") + "|gut", WHERE.format("center") + "|hook|[1.0, 1.0]")
    assert isinstance(one, FrameFacts) and one.places == {"center": frozenset({"gut", "hook"})}
