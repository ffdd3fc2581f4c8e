"""Splits keep groups whole and follow from seed and ids alone."""

import random
from collections import Counter

import pytest

from anatomy_r1.data.inputs import DataError, Exclusions
from anatomy_r1.data.prepare.omnimed import image_group, read_med_r1
from anatomy_r1.data.splits import (
    OFFICIAL_TEST,
    OFFICIAL_VALIDATION,
    UNUSED,
    Reservoir,
    quotas,
    rule_file,
    rule_official,
    rule_unused,
    split_groups,
)
from anatomy_r1.question import Question


def question(number, category="Gut", family="location"):
    return Question(f"q{number}", "sgg_anatomy", "?", ("Gut", "Liver"), "Gut", "a.png", category, "VID01", family)


def test_rules():
    assert len(UNUSED) == 7 and len(OFFICIAL_VALIDATION) == len(OFFICIAL_TEST) == 5
    assert not OFFICIAL_TEST & OFFICIAL_VALIDATION and not UNUSED & OFFICIAL_VALIDATION
    assert (rule_official().of("VID22"), rule_official().of("VID70")) == ("test", "train")
    assert (rule_unused().of("VID48"), rule_unused(validation=True).of("VID48")) == ("train", "validation")
    by_file = rule_file({"train": ["VID01"], "test": ["VID02"]}, "splits.json")
    assert [by_file.of(v) for v in ("VID01", "VID02", "VID03")] == ["train", "test", None]


@pytest.mark.parametrize("content", [[], {"train": ["VID01"]}, {"train": ["a"], "test": ["a"]}, {"train": [], "x": []}])
def test_a_bad_split_file(content):
    with pytest.raises(DataError, match=r"splits\.json: .*Fix"):
        rule_file(content, "splits.json")


def test_the_sample_does_not_depend_on_the_order_and_mirrors_the_pool():
    pool = [question(i, "Gut" if i % 4 else "Liver", "location" if i % 3 else "one_hop") for i in range(400)]
    pool = [q if q.category == "Gut" else question(q.id[1:], "Liver", q.family) for q in pool]
    samples = []
    for seed in (0, 0, 1):
        random.Random(len(samples)).shuffle(pool)
        reservoir = Reservoir(100, seed)
        for q in pool:
            reservoir.add(q)
        samples.append(reservoir.draw(lambda _: True))
    assert samples[0] == samples[1] != samples[2]
    assert len(samples[0]) == 100
    assert Counter(q.category for q in samples[0]) == {"Gut": 75, "Liver": 25}


def test_unusable_questions_are_replaced_each_asked_about_once():
    reservoir = Reservoir(20, 0)
    for i in range(60):
        reservoir.add(question(i, "Gut" if i % 2 else "Liver"))
    asked = []
    drawn = reservoir.draw(lambda q: asked.append(q.id) or int(q.id[1:]) % 4 != 0)
    assert len(drawn) == 20 and all(int(q.id[1:]) % 4 for q in drawn)
    assert len(asked) == len(set(asked))


def test_quotas_fill_up_and_never_exceed():
    assert quotas({("a", ""): 1, ("b", ""): 1, ("c", ""): 1}, 2) == {("a", ""): 1, ("b", ""): 1, ("c", ""): 0}
    assert quotas({("a", ""): 3}, 10) == {("a", ""): 3}
    assert quotas({}, 10) == {}


def test_groups_stay_whole_and_fractions_hold_in_each_stratum():
    groups = {f"g{i}": ("x" if i % 2 else "y", 1 + i % 5) for i in range(200)}
    split = split_groups(groups, test=0.1, validation=0.2, seed=0)
    for stratum in "xy":
        total = sum(n for s, n in groups.values() if s == stratum)
        got = Counter()
        for name, (s, n) in groups.items():
            got[split[name]] += n if s == stratum else 0
        assert abs(got["test"] - 0.1 * total) < 1 and abs(got["validation"] - 0.2 * total) < 1
    reverse = dict(reversed(groups.items()))
    assert split_groups(reverse, test=0.1, validation=0.2, seed=0) == split


SAME = {  # why -> two images that must not be parted
    "BreakHis: one case in two magnifications": (
        "BreakHis", "malignant/SOB_M_DC-14-2523-40-010.png", "malignant/SOB_M_DC-14-2523-400-001.png"),
    "BreakHis: one case filed under two types": (
        "BreakHis", "malignant/SOB_M_DC-14-13412-40-010.png", "malignant/SOB_M_LC-14-13412-100-001.png"),
    "BreakHis: two blocks of a case": (
        "BreakHis", "benign/SOB_B_A-14-22549AB-100-001.png", "benign/SOB_B_A-14-22549CD-40-015.png"),
    "malaria: a patient's infected and sound cells": (
        "NLM- Malaria Data", "Uninfected/C100P61ThinF_IMG_20150918_144104_cell_144.png",
        "Parasitized/C100P61ThinF_IMG_20150918_144823_cell_158.png"),
    "lymphoma: fields and regions of a case": (
        "MAlig Lymph", "FL/sj-05-5311-R1_005.tif", "FL/sj-05-5311-R2_008.tif"),
    "BioMediTech: crops of a picture": ("BioMediTech", "train/2_00051_008_2_1.tif", "train/2_00051_009_4_1.tif"),
    "blood cells: augmented copies": ("Blood Cell", "LYMPHOCYTE/_0_1022.jpeg", "LYMPHOCYTE/_0_2599.jpeg"),
    "sperm: jpg and png": ("MHSMA", "test/test_1.jpg", "test/test_1.png"),
}  # fmt: skip


@pytest.mark.parametrize("case", SAME)
def test_one_group(case):
    dataset, first, second = SAME[case]
    assert image_group(dataset, f"Images/{dataset}/{first}") == image_group(dataset, f"Images/{dataset}/{second}")


def test_names_that_reveal_nothing_are_their_own_group():
    a, b = (image_group("HuSHeM", f"Images/HuSHeM/{kind}/image_007.BMP") for kind in ("01_Normal", "04_Amorphous"))
    assert a != b and a.unit == "image"
    assert image_group("Blood Cell", "Images/Blood Cell/val/A/_0_1.jpeg") != image_group(
        "Blood Cell", "Images/Blood Cell/val/B/_0_1.jpeg"
    )


def test_real_names_are_grouped(real_data):
    """Groups of the 5,680 records: every source whose names say more than the image is recognised throughout."""
    units: dict[str, Counter[str]] = {}
    names: dict[str, set[str]] = {}
    for part in ("train", "test"):
        data = (real_data / f"omnimed_splits/micro_{part}.json").read_bytes()
        for record in read_med_r1(data, part, Exclusions()):
            found = image_group(record.family, record.image)
            units.setdefault(record.family, Counter())[found.unit] += 1
            names.setdefault(record.family, set()).add(found.name)
    image_only = {dataset for dataset, counts in units.items() if counts["image"]}
    assert image_only == {"CRC100k", "ALL Challenge", "HuSHeM"}
    assert all(len(counts) == 1 for counts in units.values())
    sizes = {dataset: len(groups) for dataset, groups in names.items()}
    assert sizes["BreakHis"] == 70 and sizes["NLM- Malaria Data"] == 25
