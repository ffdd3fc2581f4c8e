"""How long prompts are: every model of the profile `paper`, its template and pixel limits, Qwen's own vocabulary.

python -m tests.bench.real_prompts OUT [--data FOLDER]

`tox -e prompts` runs it before its tests and writes results/shapes. FOLDER has released/ (the authors' three files) and
omnimed_splits/ (Med-R1's); by default ANATOMY_R1_TEST_DATA names it, without which nothing is counted.

All prompts are counted, of GDQA's rewrites the longest, and the longest of each set is also read by the real processor
with its image, which must agree. An image counts as a frame of 854 x 480 in SGG-VQA, and as the largest that the
profile's pixel limits let through in OmniMedVQA. Exits with 1 if a prompt is longer than the plan's (`LONGEST`).
"""

import argparse
import hashlib
import json
import os
import sys
import time
from functools import cache
from pathlib import Path
from textwrap import fill

RELEASED = ("GRPO", "GRPO-ASC-Learning", "GRPO-GDQA")
SPLITS = ("train", "test")
GDQA, OMNIMED, OMNIMED_GDQA = "GDQA, released questions", "OmniMedVQA, microscopy", "GDQA, OmniMedVQA"
WIDTH = 118
LONGEST_BY_LETTERS = 500
"""Of GDQA's rewrites, of which there are tens of thousands, those with the most characters are counted."""


def models():
    """Every model of the profile."""
    from baselines.experiment.profile import load_profile

    return list(load_profile("paper").models)


def at_the_limit(family):
    """A square image of the most pixels that the profile lets through."""
    from tests.helpers.published import pixels

    side = int(pixels(family.model)["max"] ** 0.5)
    return (side, side)


def sets(data):
    """Name -> prompts, each once; the arm as released has the authors' texts, all else our rendering of them."""
    from anatomy_r1.data.augmentation.groups import rewrites
    from anatomy_r1.data.leakage.sides import read_questions
    from anatomy_r1.prompts import render_text

    files = {name: data / "released" / f"{name}.json" for name in RELEASED}
    found = {
        name: [entry["instruction"].removeprefix("<image>") for entry in json.loads(path.read_text())]
        for name, path in files.items()
    }
    splits = [data / "omnimed_splits" / f"micro_{name}.json" for name in SPLITS]
    ours, theirs = read_questions([*files.values()]), read_questions(splits)
    found[OMNIMED] = [render_text(one.stem, one.options, "think", "microscopy") for one in theirs]
    for name, asked, wording in ((GDQA, ours, "choice"), (OMNIMED_GDQA, theirs, "microscopy")):
        forms = {stem: rewrites(stem) for stem in {one.stem for one in asked}}
        every = (render_text(form, one.options, "think", wording) for one in asked for form in forms[one.stem])
        found[name] = sorted(set(every), key=lambda text: (-len(text), text))[:LONGEST_BY_LETTERS]
    return found


@cache
def token_counts(thinks, texts):
    """Tokens of each text; a vocabulary's models count the same."""
    from tests.helpers.published import vocabulary

    return [len(ids) for ids in vocabulary(thinks)(list(texts))["input_ids"]]


def counted(family, texts, size):
    """Tokens of these prompts about an image of that size: how many of the image's, the mean, and the longest."""
    from tests.helpers.published import ASKED, processor, read, real

    made, tokens = processor(family, real), real(family)
    given = read(made, ASKED, size)
    around = len(given["input_ids"][0]) - len(tokens(ASKED)["input_ids"])
    lengths = [around + count for count in token_counts(family.thinks, tuple(texts))]
    at = max(range(len(texts)), key=lengths.__getitem__)
    if len(read(made, texts[at], size)["input_ids"][0]) != lengths[at]:
        raise ValueError(f"{family.model}: the processor counts another length: {texts[at][-200:]!r}")
    image = int(given["image_grid_thw"].prod()) // 4
    mean = round(sum(lengths) / len(lengths), 1)
    return {"prompts": len(texts), "image": image, "mean": mean, "longest": lengths[at]}


def measured(data):
    """Model -> set -> counts."""
    from tests.helpers.published import FRAME, published

    given, found = sets(data), {}
    for model in models():
        family = published(model)
        size = dict.fromkeys((OMNIMED, OMNIMED_GDQA), at_the_limit(family))
        found[model] = {name: counted(family, texts, size.get(name, FRAME)) for name, texts in given.items()}
    return found


def facts(command):
    """Where and of what the report was made."""
    from anatomy_r1.provenance import processor, provenance
    from tests.helpers.qwen_vocabulary import ranks_file, read_ranks

    made, path = provenance(), ranks_file()
    about = {"package": "dashscope", "pieces": len(read_ranks(path))}
    about |= {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return {
        **{"command": command, "commit": made["commit"], "date": time.strftime("%Y-%m-%d", time.gmtime())},
        **{"device": processor(), "packages": {name: made["packages"][name] for name in ("transformers", "trl")}},
        "vocabulary": about,
    }


def limits():
    """What a prompt has to fit: the plan's tokens, those of a completion, and what the models can read."""
    from baselines.experiment.profile import load_profile
    from baselines.preflight.memory import LONGEST, PROMPT, empty_model

    profile = load_profile("paper")
    reads = [empty_model(one).config.get_text_config().max_position_embeddings for one in profile.models.values()]
    completion = profile.training["rl"]["max_completion_length"]
    return {"plan": PROMPT, "longest": LONGEST, "completion": completion, "reads": min(reads)}


def as_markdown(about, bounds, found):
    """The report."""
    words = about["vocabulary"]
    rows = [(model, name, one) for model, each in sorted(found.items()) for name, one in sorted(each.items())]
    top = max(((one["longest"], model, name) for model, name, one in rows), key=lambda row: row[0])
    fits = "fits" if top[0] <= bounds["longest"] else "does NOT fit"
    said = (
        f"**The longest has {top[0]} tokens ({top[1]}, {top[2]}): it {fits} the {bounds['longest']} for which the plan "
        f"counts memory.** Its hours are those of prompts of {bounds['plan']}. No profile cuts prompts off "
        f"(`max_length: null`; TRL 1.16.0 has no limit on prompts). With a completion of {bounds['completion']} tokens "
        f"the longest is far below the {bounds['reads']:,} that the models read. `number`: of GDQA's rewrites, the "
        f"{LONGEST_BY_LETTERS} with the most characters."
    )
    vocabulary = (
        f"- vocabulary: the {words['pieces']:,} pieces of `qwen.tiktoken` in Alibaba's package {words['package']} "
        f"(SHA-256 `{words['sha256'][:16]}`), not the hub's `tokenizer.json`, which could not be fetched. Numbers of "
        "special tokens agree with the published configurations (`tests/baselines/experiment/test_real_prompts.py`); "
        "the other pieces were not compared. Only text depends on them, a quarter of a prompt: if the hub's were a "
        "tenth coarser or finer, prompts would be 17 to 24 tokens off. Those of images do not depend on them."
    )
    templates = (
        "- templates: the hub's for the Instruct models (TRL has them); for the Thinking models one of ours, which "
        "opens `<think>` as theirs does: two tokens."
    )
    lines = [
        *("# How long prompts are", "", fill(said, WIDTH), "", f"- command: `{about['command']}`"),
        f"- commit: {about['commit'][:12]}; date: {about['date']}; device: {about['device']}",
        *(f"- {name}: {version}" for name, version in about["packages"].items()),
        *(fill(text, WIDTH, subsequent_indent="  ") for text in (vocabulary, templates)),
        "",
        "| model | prompts | number | image | mean | longest |",
        "| :-- | :-- | --: | --: | --: | --: |",
    ]
    for model, name, one in rows:
        numbers = [f"{one['prompts']:,}", str(one["image"]), f"{one['mean']:.1f}", str(one["longest"])]
        lines.append(f"| {' | '.join([model, name, *numbers])} |")
    return "\n".join(lines) + "\n"


def main(words):
    """Exit status 0 when every prompt fits, 1 when one does not."""
    from anatomy_r1.files import write_atomic

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", default=os.environ.get("ANATOMY_R1_TEST_DATA", ""))
    given = parser.parse_args(words)
    if not given.data:
        print("prompts are not counted: ANATOMY_R1_TEST_DATA does not name a folder with released/ and omnimed_splits/")
        return 0
    command = " ".join(["python -m tests.bench.real_prompts", *words])
    about, bounds, found = facts(command), limits(), measured(Path(given.data))
    rest = {"limits": bounds, "models": found}
    write_atomic(given.out / "prompts.json", json.dumps({**about, **rest}, indent=1, sort_keys=True) + "\n")
    write_atomic(given.out / "prompts.md", as_markdown(about, bounds, found))
    return int(any(one["longest"] > bounds["longest"] for each in found.values() for one in each.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
