"""Made-up runs for the site: a store, its response logs, data with pictures, training logs. Nothing was measured."""

import json
import random
from dataclasses import dataclass, replace

from anatomy_r1.data.leakage.passport import passport
from anatomy_r1.data.prepared import load, write
from anatomy_r1.evaluation.views import PLAIN, VIEWS, split_row
from anatomy_r1.prompts import prompt_hash, render
from anatomy_r1.question import LETTERS, Question
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Response, ResponseKey, Sampling
from anatomy_r1.results.blind_record import with_blind
from anatomy_r1.results.store import MATCHED, Result, save_result
from anatomy_r1.scoring.question_table import question_table
from anatomy_r1.scoring.score import score
from anatomy_r1.training.training_log import Rollout, Step, TrainingLog, keep_text

ANATOMIES = ("Abdominal Wall Cavity", "Cystic Plate", "Gallbladder", "Gut", "Liver", "Omentum")
SGG, OMNIMED = "sgg_anatomy_mini", "omnimed_mi_mini"
WORDS = [
    "the",
    "bright",
    "edge",
    "lies",
    "left",
    "of",
    "a",
    "dark",
    "fold",
    "where",
    "tissue",
    "meets",
    "the",
    "tool",
    "and",
    "light",
    "falls",
    "from",
    "above",
]
HOSTILE = (
    '<script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'"></pre></body>'
    "<!-- <script> ]]> \u2028\u2029 {{ 7*7 }} \U0001f600 __proto__ <answer> B </answer>"
)
"""A response that does all it can to be more than text."""
DECODING = {"dtype": "float32", "engine": "transformers", "max_new_tokens": 24, "temperature": 1.0}


@dataclass(frozen=True)
class World:
    """How large."""

    methods: tuple[str, ...] = ("zero-shot", "grpo", "grpo-gdqa", "grpo-gdqa-no-text", "control-majority")
    """Rows: under the view `wrong-image` the next picture is shown."""
    benchmarks: tuple[str, ...] = (SGG,)
    models: tuple[str, ...] = ("mini-l",)
    seeds: tuple[int, ...] = (0,)
    questions: int = 24
    clusters: int = 8
    words: int = 4
    """Of a response's thinking."""
    steps: int = 11
    groups: int = 2
    generated: bool = True
    arm: str = MATCHED
    hostile: bool = True
    """Whether the second question's first response of each method is `HOSTILE`."""


def make(root, world=World()):
    """Write a run below `root`, store included; returns `root`."""
    for benchmark in world.benchmarks:
        _data(root, benchmark, world)
        for model in world.models:
            for method in world.methods:
                for seed in world.seeds:
                    _cell(root, world, benchmark, model, method, seed)
    return root


def asked(benchmark, count, split, clusters):
    found = []
    for n in range(count):
        options = tuple(ANATOMIES[(n // 4 + shift) % 6] for shift in range(4))
        cluster = f"{'T' if split == 'train' else 'V'}{n % clusters:02d}"
        right = options[n % 4]
        stem = f"What anatomy is at place {n} of the frame ?"
        found.append(
            Question(f"{cluster}/{n:04d}", benchmark, stem, options, right, f"{n % 5}.png", right, cluster, "location")
        )
    return found


def _data(root, benchmark, world):
    from PIL import Image

    images = root / "world" / benchmark
    images.mkdir(parents=True)
    for n in range(5):
        Image.new("RGB", (96, 64), (40 + 40 * n, 90, 200 - 30 * n)).save(images / f"{n}.png")
    splits = {
        "train": asked(benchmark, 12, "train", 4),
        "test": asked(benchmark, world.questions, "test", world.clusters),
    }
    about = {"benchmark": benchmark, "generated": world.generated, "seed": 0}
    write(root / "data" / benchmark, splits, images, about)


def _cell(root, world, benchmark, model, method, seed):
    policy, view = split_row(method)
    control = policy.startswith("control-")
    name = f"{benchmark}/{model}/{policy}/{'' if world.arm == MATCHED else f'{world.arm}/'}seed{seed}"
    data = load(root / "data" / benchmark, "test")
    weights = name.replace("/", "-")
    plan = {
        "benchmark": benchmark,
        "decoding": DECODING,
        "images": VIEWS[view].get("images", "real"),
        "limit": None,
        "questions_sha256": data.manifest["questions_sha256"],
        "seed": seed,
        "split": "test",
        "style": "think",
        "weights": weights,
    }
    log = (root / "controls" if control else root / "responses" / name) / f"{weights}-{view}.sqlite"
    log.parent.mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"{benchmark}/{model}/{method}/seed{seed}")
    with ResponseLog(log) as opened:
        opened.add_run(plan)
        opened.add([one for n, q in enumerate(data.questions) for one in _six(q, n, plan, world, rng)])
    table = question_table(score(log, root / "data"))
    trained = not control and policy != "zero-shot"
    made = Result(
        profile="mini",
        benchmark=benchmark,
        model=model,
        method=method,
        arm=world.arm,
        seed=seed,
        style="none" if control else "think",
        questions=table,
        provenance=_provenance(root, data, method, seed, {} if control else {"sampling": plan}, trained),
    )
    save_result(root / "results", with_blind(made, root / "data" / benchmark))
    if trained and view == PLAIN:
        _training(root / "train" / name / "training_log.sqlite", world, root, benchmark, rng, discards=policy == "dapo")


def _provenance(root, data, method, seed, more, trained):
    train = load(data.root, "train").questions
    record = {"commit": "0123456789abcdef", "dirty": False, "lock_sha256": "ab" * 32, "packages": {"torch": "2.11.0"}}
    plan = {"arguments": {"beta": 0.04, "seed": seed}, "method": {"start": "base", "style": "think"}, "parent": None}
    spent = {"steps": 11, "rollout_tokens": 900, "seconds": 3.5}
    return {
        **record,
        "note": "Made up.",
        "data": {"generated": data.manifest["generated"], "questions_sha256": "cd" * 32, "seed": 0},
        "leakage": passport(train if trained else (), data.questions, hashes=({}, {})).as_dict(),
        "training": {"plan": plan, "provenance": record, "spent": spent} if trained else None,
        "spent": {"seconds": 2.0, "tokens": 500},
        "unfit": ["12.0 % of the responses unparsed"] if method == "zero-shot" else [],
        **more,
    }


def _six(question, place, plan, world, rng):
    for repeat in range(6):
        decoding, index = ("sample", repeat) if repeat < 5 else ("greedy", 0)
        temperature = DECODING["temperature"] if decoding == "sample" else 0.0
        sampling = Sampling(decoding, temperature, DECODING["max_new_tokens"]).as_dict()
        fixed = {name: value for name, value in DECODING.items() if name not in ("temperature", "max_new_tokens")}
        key = ResponseKey(
            benchmark=plan["benchmark"],
            question_id=question.id,
            repeat=index,
            decoding=decoding,
            prompt_hash=prompt_hash(question.stem),
            image_hash="",
            weights=plan["weights"],
            sampling=json.dumps({**fixed, **sampling}, sort_keys=True),
            seed=plan["seed"],
        )
        hostile = world.hostile and place == 1 and repeat == 0
        text, end = (HOSTILE, "stop") if hostile else _said(question, world, rng)
        shown = question.image if plan["images"] == "real" else f"{(int(question.image[0]) + 1) % 5}.png"
        yield Response(key, text, end, tokens=9, style="think", images=plan["images"], shown=shown)


def _said(question, world, rng):
    thought = " ".join(rng.choice(WORDS) for _ in range(world.words))
    if rng.random() < 0.1:
        return f"<think> {thought}", "length"
    letter = question.letter if rng.random() < 0.5 else rng.choice(LETTERS[:4])
    return f"<think> {thought} </think> <answer> {letter} </answer>", "stop"


def _training(path, world, root, benchmark, rng, discards=False):
    """With `discards`, each step first draws a group that is all right, as DAPO does, and discards it."""
    train = load(root / "data" / benchmark, "train").questions
    log, tokens = TrainingLog(path), 0
    for step in range(1, world.steps + 1):
        rows = [one for group in range(world.groups) for one in _group(step, group, train, world, rng)]
        if discards:
            rows = [replace(one, draw=int(one.group_index > 0), kept=one.group_index > 0) for one in rows]
        tokens += sum(one.tokens for one in rows)
        log.add_rollouts(rows)
        log.add_step(Step(step, loss=0.1, reward=1.2, seconds=0.5, rollout_tokens=tokens))
    log.close(world.steps)


def _group(step, group, train, world, rng):
    question = train[(step * world.groups + group) % len(train)]
    right = [rng.random() < 0.5 for _ in range(8)] if group else [True] * 8
    mean = sum(right) / 8
    for member in range(8):
        letter = question.letter if right[member] else LETTERS[(LETTERS.index(question.letter) + 1) % 4]
        thought = " ".join(rng.choice(WORDS) for _ in range(world.words))
        completion = (
            HOSTILE if world.hostile and member == 7 else f"<think> {thought} </think> <answer> {letter} </answer>"
        )
        yield Rollout(
            step=step,
            group_index=group,
            member=member,
            question_id=question.id,
            anatomy=question.category,
            prompt_hash=prompt_hash(question.stem),
            image_hash=f"{group:016d}",
            prompt=render(question, "think") if keep_text(step) else None,
            completion=completion if keep_text(step) else None,
            choice=letter,
            rewards=json.dumps({"accuracy_reward": float(right[member]), "format_reward": 1.0}),
            advantage=float(right[member]) - mean,
            tokens=12,
            finish_reason="stop",
            similarity=0.5,
        )
