"""Many evaluations of the same weights, each with a sampling seed of its own: what the gate must not fire on.

python -m tests.bench.reevaluations make DATA MODEL FILE FIRST LAST       all seeds from FIRST to LAST, in one pass
python -m tests.bench.reevaluations check DATA MODEL FILE SEED ...        against `anatomy-r1 evaluate --seed SEED`

FILE (Parquet) has one row a question and seed: id, cluster, category, seed, and the columns of the result store.

Each response takes the random numbers that `anatomy-r1 evaluate` would give it, so these are its responses but for the
last bits of the logits. What saves the time is that responses to one question which have begun alike need one forward
pass: a thousand of them are a few dozen different texts. `check` runs the command and counts what differs.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from anatomy_r1.evaluation.engines import transformers_engine
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import question_table

TASK, TOKENS, BATCH = "sgg_anatomy_mini", 24, 32
"""As in the mini profile."""
COLUMNS = [*(f"correct_{repeat}" for repeat in range(K)), "major", "greedy", "parsed", "truncated"]


def texts_of_prompts(model, inputs, numbers, end_tokens):
    """Responses to each prompt: `numbers` has shape (prompts, responses, tokens); greedy where they are negative.

    Returns token lists with their finish reasons, prompt by prompt.
    """
    import torch

    prompts, responses, steps = numbers.shape
    node = torch.arange(prompts).repeat_interleave(responses)  # the beginning that each response shares with others
    numbers, made = torch.from_numpy(numbers.reshape(-1, steps)), [[] for _ in range(prompts * responses)]
    going = torch.arange(len(made))
    rows = [transformers_engine.GenerationRequest(prompt, (), False, 1.0) for prompt in range(prompts)]
    with torch.inference_mode():
        state = transformers_engine._prefill(model, inputs, rows)
        for step in range(steps):
            tokens = _next(state.logits, node, numbers[going, step])
            for index, token in zip(going.tolist(), tokens.tolist(), strict=True):
                made[index].append(token)
            on = ~torch.isin(tokens, torch.tensor(sorted(end_tokens)))
            going, node, tokens = going[on], node[on], tokens[on]
            if not len(going) or step + 1 == steps:
                break
            begun, node = torch.unique(torch.stack([node, tokens], 1), dim=0, return_inverse=True)
            state = _fork(model, state, begun)
    cut = set(going.tolist())
    found = [(tokens, "length" if index in cut else "stop") for index, tokens in enumerate(made)]
    return [found[start : start + responses] for start in range(0, len(found), responses)]


def _next(logits, node, numbers):
    """`next_tokens` at temperature 1, for responses that share rows of logits."""
    import torch

    cumulative = torch.softmax(logits.double(), dim=-1).cumsum(dim=-1)[node]
    drawn = torch.searchsorted(cumulative, (numbers * cumulative[:, -1])[:, None], right=True).squeeze(-1)
    return torch.where(numbers < 0, logits.argmax(-1)[node], drawn.clamp(max=logits.shape[-1] - 1))


def _fork(model, state, begun):
    """The state after each (row, token) of `begun`."""
    parents, tokens = begun[:, 0], begun[:, 1]
    state.cache.batch_select_indices(parents)
    offset = None if state.offset is None else state.offset[parents]
    every = list(range(len(begun)))
    forked = transformers_engine._State(every, state.cache, state.mask[parents], offset, None)
    return transformers_engine._advance(model, forked, tokens, every)


def make(data, model, file, first, last):
    """One lm-eval run, whose engine answers for every seed at once."""
    import lm_eval.evaluator

    from anatomy_r1.evaluation.engines.transformers_engine import uniforms
    from anatomy_r1.evaluation.evaluate import evaluate

    lm_eval.evaluator.add_env_info = lambda storage: None  # asks pip for all packages
    seeds, texts = range(first, last + 1), {}

    def respond(engine, questions):
        jobs = [group[0] for group in questions]
        numbers = np.full((len(jobs), len(seeds) * K + 1, TOKENS), -1.0)  # the last one is greedy
        for row, job in enumerate(jobs):
            drawn = [uniforms(s, TASK, job.key.question_id, r, TOKENS) for s in seeds for r in range(K)]
            numbers[row, :-1] = drawn
        made = texts_of_prompts(engine.model, engine._encode(jobs), numbers, engine.end_tokens)
        for job, found in zip(jobs, made, strict=True):
            read = [engine.response(job, *one, 0, 0.0) for one in found]
            texts[job.key.question_id] = [(one.text, one.finish_reason) for one in read]
        return [engine.response(job, [], "stop", 0, 0.0) for group in questions for job in group]

    with tempfile.TemporaryDirectory() as folder, _patched(respond):
        evaluate(TASK, data, model, Path(folder) / "log", seed=first, max_new_tokens=TOKENS, batch_size=BATCH)
    save(table(data, texts, seeds), file)


def _patched(respond):
    from unittest import mock

    return mock.patch.object(transformers_engine.TransformersEngine, "_respond", respond)


def table(data, texts, seeds):
    """Scored by the strict extractor, as `anatomy_r1.scoring.score` does."""
    from functools import cache

    from anatomy_r1.data.prepared import find_set
    from anatomy_r1.scoring.metrics import majority
    from anatomy_r1.scoring.strict import extract

    choice, rows = cache(lambda text, options: extract(text, options).choice), []
    for question in find_set(TASK, data, "test").questions:
        said = texts[question.id]
        chosen = [choice(text, question.options) for text, _ in said]
        for number, seed in enumerate(seeds):
            part = slice(number * K, (number + 1) * K)
            five = chosen[part]
            right = [one == question.letter for one in five]
            counts = (sum(one is not None for one in five), sum(reason == "length" for _, reason in said[part]))
            flags = (*right, majority(five) == question.letter, chosen[-1] == question.letter, *counts)
            rows.append((question.id, question.cluster, question.category, seed, *flags))
    return pd.DataFrame(rows, columns=["id", "cluster", "category", "seed", *COLUMNS])


def save(found, file):
    """Small enough to be committed."""
    found = found.sort_values(["id", "seed"], ignore_index=True)
    kinds = dict.fromkeys(("id", "cluster", "category"), "category") | {"seed": "int16"}
    found = found.astype(kinds | dict.fromkeys(("parsed", "truncated"), "int8"))
    found.to_parquet(file, index=False, compression="zstd")


def check(data, model, file, seeds):
    """Flags that differ from those of the command itself, seed by seed."""
    from anatomy_r1.evaluation.evaluate import evaluate
    from anatomy_r1.scoring.score import score

    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "log.sqlite"
            evaluate(TASK, data, model, log, seed=seed, max_new_tokens=TOKENS, batch_size=BATCH, progress=False)
            compare(question_table(score(log, data)), file, seed)


def compare(theirs, file, seed):
    """Print how many flags of one seed differ."""
    ours = pd.read_parquet(file)
    ours = ours[ours["seed"] == seed].set_index("id")[COLUMNS].astype(int)
    differing = int((ours != theirs.set_index("id").loc[ours.index, COLUMNS].astype(int)).sum().sum())
    print(f"seed {seed}: {differing} of {ours.size} differ", flush=True)


if __name__ == "__main__":
    command, *rest = sys.argv[1:]
    run = {
        "make": lambda *seeds: make(*map(Path, rest[:3]), *seeds),
        "check": lambda *s: check(*map(Path, rest[:3]), s),
    }
    run[command](*map(int, rest[3:]))
