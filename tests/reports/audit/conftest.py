"""A paper and released files without a fault, made up: what a test plants in them must be all that is found."""

import itertools
import json
import random
from dataclasses import replace

import numpy as np
import pytest

from anatomy_r1.data.stems import SIX, display
from anatomy_r1.prompts import render_text
from reports.audit import omnimed
from reports.audit.agreement import expected
from reports.audit.paper import Paper, PaperCell, PassagePair, by_address, load_claims, load_figures
from reports.audit.released import ASC, GDQA, NAMES
from reports.scores.names import ABLATION, BENCHMARKS, METHODS

N = 1000
MODELS = ("Qwen-2.5-VL-3B", "Qwen-2.5-VL-7B")
CHANCES = dict(zip(METHODS, (0.15, 0.2, 0.2, 0.22, 0.22, 0.36, 0.37, 0.38, 0.56, 0.8), strict=True))
ABLATED = {"grpo-gdqa": 0.8, "grpo-gdqa-no-text": 0.55, "grpo-gdqa-no-image": 0.6}


def row(rng, chance, where):
    """Three cells of one row, out of 1,000 questions with five answers each."""
    right = rng.random((N, 5)) < chance
    counts = {"avg@5": right.mean(), "pass@1": right[:, 0].mean(), "major@5": (right.sum(axis=1) >= 3).mean()}
    return [PaperCell(*where, metric, round(10_000 * share)) for metric, share in counts.items()]


@pytest.fixture
def clean_cells():
    rng, cells = np.random.default_rng(1), []
    for model, benchmark, (method, chance) in itertools.product(MODELS, BENCHMARKS, CHANCES.items()):
        more = 0.1 if model == MODELS[1] and method == "grpo-gdqa" else 0.0
        cells += row(rng, chance + more, (1, model, method, benchmark))
    seven = {cell.metric: cell for cell in cells if cell.address[1:4] == (MODELS[1], "grpo-gdqa", "sgg_anatomy")}
    cells += [replace(cell, table=2) for cell in seven.values()]
    for method in list(ABLATION)[1:]:
        cells += row(rng, ABLATED[method], (2, MODELS[1], method, "sgg_anatomy"))
    return tuple(cells)


@pytest.fixture
def clean_paper(clean_cells):
    known = by_address(clean_cells)
    figures = tuple(replace(one, hundredths=expected(one, known)) for one in load_figures())
    pairs = (
        PassagePair("scale", "range", "prose", "0..100", "table", "avg@5", "scale", "which?"),
        PassagePair("both", "complete", "prose", "grpo-asc", "table", " ".join(BENCHMARKS), "both", "which?"),
        PassagePair("groups", "same", "one", "all right; all wrong", "other", "all wrong;all right", "same", "?"),
    )
    return Paper(clean_cells, figures, load_claims(), pairs)


PLACES = ("top-left", "top-mid", "top-right", "mid-left", "center", "mid-right", "bottom-left", "bottom-mid")


def entry(stem, options, answer, image):
    """A record as the GDQA file words it."""
    return {
        "instruction": render_text(stem, options, "think", "choice"),
        "sft_prompt": "<image>" + render_text(stem, options, "direct", "choice"),
        "solution": "ABCD"[options.index(answer)],
        "answer": answer,
        "images": f"/CholecT45/data/{image}",
    }


def clean_entries(seed=0, n=480):
    """Records whose wording says nothing about the answer: every place in every video has each answer as often.

    Distractors come from three sets an answer, level by level.
    """
    rng, names, made = random.Random(seed), [display(name) for name in SIX], []
    for index in range(n):
        answer, level = names[index % 6], index * 3 // n
        others = [names[(index + step) % 6] for step in range(1, 6)]
        options = [answer, *(others[(level + step) % 5] for step in range(3))]
        rng.shuffle(options)
        stem = f"What is the {PLACES[index // 6 % 8]} anatomy?"
        made.append(entry(stem, tuple(options), answer, f"VID{4 + index // 6 % 10:02d}/{index:06d}.png"))
    return made


@pytest.fixture
def clean_released():
    """File name -> entries; the GDQA file has a changed image and another wording besides."""
    shared = clean_entries()
    first, second = shared[0], shared[1]
    stem = next(place for place in PLACES if f"the {place} anatomy" in second["instruction"])
    options = tuple(line[3:] for line in second["instruction"].splitlines() if line[1:3] == ". ")
    image = second["images"].removeprefix("/CholecT45/data/")
    again = entry(f"There is a {stem} anatomy, what is its name?", options, second["answer"], image)
    noisy = {**first, "images": first["images"].replace(".png", "_noise.png")}
    return {NAMES[0]: shared, GDQA: [*shared, again, noisy], ASC: shared}


@pytest.fixture
def write_released(tmp_path):
    """Writes files and returns their folder: `write_released(files)`."""

    def write(files):
        for name, entries in files.items():
            (tmp_path / name).write_text(json.dumps(entries))
        return tmp_path

    return write


FINDINGS = [f"finding {number}" for number in range(12)]


def problem(stem, options, answer, image):
    """A record as Med-R1's split files word it."""
    listed = ", ".join(f"{letter}){option}" for letter, option in zip("ABCD", options, strict=False))
    solution = f"<answer> {'ABCD'[options.index(answer)]} </answer>"
    return {"image": f"Images/Slides/{image}.png", "problem": f"{stem} {listed}", "solution": solution}


def problems(seed, count, side, pools=lambda draw: (FINDINGS, FINDINGS)):
    """Records, one an image. `pools`: texts that can be right, and texts that distractors are drawn from."""
    draw, made = random.Random(seed), []
    for number in range(count):
        right, others = pools(draw)
        answer = draw.choice(right)
        options = [answer, *draw.sample([text for text in others if text != answer], 3)]
        draw.shuffle(options)
        made.append(problem("What is shown?", options, answer, f"{side}{number}"))
    return made


@pytest.fixture
def clean_splits():
    """File name -> records whose texts say nothing about the answer."""
    return {omnimed.TRAIN: problems(1, 300, "train"), omnimed.TEST: problems(2, 200, "test")}


@pytest.fixture
def write_splits(tmp_path):
    """Writes the two files and returns their folder: `write_splits(files)`."""

    def write(files):
        folder = tmp_path / "splits"
        folder.mkdir(exist_ok=True)
        for name, records in files.items():
            (folder / name).write_text(json.dumps(records))
        return folder

    return write
