"""What training and test share, counted by hand; what cannot be computed is reported as such, never as zero."""

import json

import pytest

from anatomy_r1.data.leakage.passport import KINDS, TITLES, Passport, as_text, from_dict, passport, passport_of_videos

A, NEAR_A, FAR = "f" * 64, "f" * 56 + "0" * 8, "0" * 64  # NEAR_A is 32 bits from A


def shared(found):
    return {kind: (o.shared, o.train_questions, o.test_questions) for kind, o in found.overlaps.items()}


def test_each_kind_is_counted_by_itself(ask):
    train = [
        ask("V1", "1.png"),
        ask("V1", "2.png", "Where ?"),
        ask("V2", "3.png", "Who ?", ("Gut", "Liver")),
        ask("V3", "9.png", "Only here ?"),
    ]
    test = [
        ask("V1", "4.png", "New ?"),  # a video
        ask("V8", "2.png", "New too ?"),  # a picture filed under another video
        ask("V9", "5.png", "  what IS it ?"),  # a text, up to case and blanks
        ask("V2", "3.png", "Who ?", ("Liver", "Gut"), answer="Gut"),  # everything; the options in another order
    ]
    assert shared(passport(train, test)) == {
        "cluster": (2, 3, 2),
        "image": (2, 2, 2),
        "question": (2, 2, 2),
        "question_image": (1, 1, 1),
        "question_image_options": (1, 1, 1),
    }


def test_other_options_are_not_the_same_question(ask):
    found = passport([ask("V1", "1.png")], [ask("V1", "1.png", options=("Gut", "Omentum"))])
    assert shared(found)["question_image"] == (1, 1, 1)
    assert shared(found)["question_image_options"] == (0, 0, 0)


def test_without_pictures_near_duplicates_are_unknown_and_not_zero(ask):
    found = passport([ask("V1", "1.png")], [ask("V2", "2.png", "Other ?")])
    assert set(found.not_computed) == {"near_duplicate", "near_duplicate_same_cluster"}
    assert not set(found.not_computed) & set(found.overlaps)
    assert found.not_clean == ()
    line = next(line for line in as_text(found).splitlines() if line.startswith(TITLES["near_duplicate"]))
    assert line.endswith("not computed: no pictures were given")
    assert as_text(found).endswith(f"no leakage found; not computed: {TITLES['near_duplicate']}")


def test_near_duplicates_across_clusters_leak_and_within_one_are_counted_apart(ask):
    train = [ask("V1", "1.png"), ask("V1", "1.png", "Again ?"), ask("V1", "0.png", "Far ?")]
    test = [ask("V2", "2.png", "New ?"), ask("V1", "3.png", "New ?"), ask("V1", "1.png", "New ?")]
    hashes = ({"1.png": A, "0.png": FAR}, {"2.png": NEAR_A, "3.png": NEAR_A, "1.png": A})
    found = passport(train, test, hashes=hashes)
    assert shared(found)["near_duplicate"] == (1, 2, 1)  # not 1.png itself: that is a shared path
    assert shared(found)["near_duplicate_same_cluster"] == (1, 2, 1)
    assert found.overlaps["near_duplicate"].examples == ("1.png ~ 2.png (32 bits apart)",)
    assert "near_duplicate" in found.not_clean
    assert "near_duplicate_same_cluster" not in found.not_clean


@pytest.mark.parametrize(
    ("test", "verdict"),
    [
        (("V2", "2.png", "What is it ?"), ()),
        (("V1", "2.png", "New ?"), ("cluster",)),
        (("V2", "1.png", "New ?"), ("image",)),
        (("V1", "1.png", "What is it ?"), ("cluster", "image", "question_image", "question_image_options")),
    ],
    ids=["a template's text alone is clean", "a video", "a picture", "everything"],
)
def test_what_makes_a_score_not_clean(ask, test, verdict):
    assert passport([ask("V1", "1.png")], [ask(*test)]).not_clean == verdict


def test_of_a_side_with_known_videos_only_the_videos_are_compared(ask):
    train = [ask("V1", "1.png"), ask("V1", "2.png"), ask("V2", "3.png")]
    found = passport_of_videos(train, frozenset({"V1", "V7"}), ("here", "there"))
    assert shared(found) == {"cluster": (1, 2, None)}
    assert set(found.not_computed) == set(KINDS) - {"cluster"}
    assert found.test.questions is None and found.test.clusters == 2
    assert "not known" in as_text(found) and "  0" not in as_text(found)


def test_without_training_questions_nothing_is_shared(ask):
    found = passport((), [ask("V1", "1.png")], hashes=({}, {"1.png": A}))
    assert (found.train.questions, found.not_clean, found.not_computed) == (0, (), {})
    assert as_text(found).endswith("clean: no leakage found")


def test_round_trip_through_json(ask):
    found = passport([ask("V1", "1.png")], [ask("V1", "2.png")], hashes=({"1.png": A}, {"2.png": A}))
    stored = json.loads(json.dumps(found.as_dict()))
    assert from_dict(stored) == found
    assert stored["not_clean"] == ["cluster"]


def test_a_kind_neither_found_nor_explained_is_refused(ask):
    found = passport([ask("V1", "1.png")], [ask("V2", "2.png")])
    with pytest.raises(ValueError, match="why it was not computed"):
        Passport(found.train, found.test, found.overlaps, {})


def test_control_characters_in_paths_are_not_printed(ask):
    bad = ask("V1", "\x1b[2J.png")
    assert "\x1b" not in as_text(passport([bad], [bad]))
