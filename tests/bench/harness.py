"""What asking costs when answering costs nothing: one measurement a process, printed as JSON.

python -m tests.bench.harness ours|stock|stock-model DATA [QUESTIONS]     (makes DATA where it is missing)

ours: `anatomy_r1.evaluation.evaluate` over an engine whose model says nothing, log included. stock-model: the same
task, by lm-eval with a model of its own kind, no log. stock: a task as lm-eval's users write it, as many requests, no
log.
"""

import json
import logging
import resource
import sys
import time
from importlib import import_module
from pathlib import Path

from lm_eval.api.model import LM

from tests.helpers.deterministic import HashEngine, transformers_engine, weights_folder
from tests.helpers.small_set import questions

TASK, SAID, FRAMES = "sgg_anatomy_mini", "<think> left </think> <answer> A </answer>", 20
OPENED = 200
"""Questions whose picture is opened, for the memory it takes; opening more would only measure PNG."""


def write_data(folder, count):
    """Questions over a few frames of CholecT45's size."""
    import dataclasses

    import numpy as np
    from PIL import Image

    from anatomy_r1.data.prepared import write

    rng = np.random.default_rng(0)
    asked = [dataclasses.replace(one, image=f"{n % FRAMES}.png") for n, one in enumerate(questions(count, TASK))]
    (folder / "images").mkdir(parents=True)
    for n in range(FRAMES):
        coarse = Image.fromarray(rng.integers(0, 255, (60, 107, 3), dtype=np.uint8))
        coarse.resize((854, 480)).save(folder / "images" / f"{n}.png")
    write(folder / TASK, {"test": asked}, folder / "images", {"benchmark": TASK, "generated": True, "seed": 0})


class NoOp(LM):
    """Says the same to everything."""

    MULTIMODAL, tokenizer_name, began = True, "none", 0.0

    def generate_until(self, requests, disable_tqdm=False):
        self.began = time.process_time()
        return [SAID] * len(requests)

    def chat_template(self, chat_template=False):
        return "none"

    def apply_chat_template(self, chat_history, add_generation_prompt=True):
        return chat_history[0]["content"]

    def loglikelihood(self, requests):
        raise NotImplementedError

    loglikelihood_rolling = loglikelihood


class Quiet(HashEngine):
    """Says the same to everything, and notes when it was first asked."""

    began, opened, opening = 0.0, 0, 0.0

    def _respond(self, asked):
        at = time.process_time()
        Quiet.began = Quiet.began or at
        pictures = [list(group[0].pictures) for group in asked] if Quiet.opened < OPENED else []
        Quiet.opened += len(pictures)
        Quiet.opening += time.process_time() - at
        return super()._respond(asked)


def ours(data):
    """Processor seconds in all, and to the first batch of a loaded model."""
    from anatomy_r1.evaluation.evaluate import evaluate

    transformers_engine.TransformersEngine = lambda *a, **k: Quiet(*a, **k, say=lambda job: (SAID, "stop"))
    weights, log = weights_folder(data / "weights"), data / "log.sqlite"
    log.unlink(missing_ok=True)
    began = time.process_time()
    evaluate(TASK, data, weights, log, progress=False)
    return time.process_time() - began - Quiet.opening, Quiet.began - began


def stock(data, plain):
    """The same of lm-eval alone."""
    import datasets
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    from anatomy_r1.evaluation.lm_eval_task import documents
    from anatomy_r1.evaluation.task_files import tasks_folder

    began = time.process_time()
    about = {"data": str(data), "benchmark": TASK}
    manager = TaskManager(include_defaults=False, include_path=str(tasks_folder()), metadata=about)
    names = [f"avg@{n}" for n in (5, 1)]
    config = {
        "task": "plain",
        "custom_dataset": lambda **_: datasets.DatasetDict(documents(**about)),
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": lambda doc: "<image>" + doc["prompt"],
        "doc_to_image": lambda doc: [doc["image"]],
        "doc_to_target": "letter",
        "num_fewshot": 0,
        "fewshot_config": {"samples": []},
        "repeats": 6,
        "generation_kwargs": {"until": [], "do_sample": True, "temperature": 1.0, "max_gen_toks": 512},
        "filter_list": [{"name": "letter", "filter": [{"function": "custom", "filter_fn": letters}]}],
        "process_results": lambda doc, results: {name: results[0].count(doc["letter"]) / 6 for name in names},
        "metric_list": [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in names],
    }
    task = next(iter(manager.load([config if plain else TASK])["tasks"].values()))
    model = NoOp()
    simple_evaluate(model=model, tasks=[task], task_manager=manager, apply_chat_template=True, log_samples=False)
    return time.process_time() - began, model.began - began


def letters(responses, docs):
    """A filter as users write them: the first capital letter between A and D."""
    import re

    return [[(re.findall("[A-D]", text) or [None])[0] for text in texts] for texts in responses]


def main(kind, data, count="5000"):
    """Measure one kind."""
    if not Path(data).exists():
        write_data(Path(data), int(count))
    for name in ("torch", "anatomy_r1.evaluation.evaluate", "anatomy_r1.evaluation.lm_eval_task"):
        import_module(name)
    import_module("lm_eval.evaluator").add_env_info = lambda storage: None
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds, first = ours(Path(data)) if kind == "ours" else stock(Path(data), kind == "stock")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "first": first, "peak_mb": peak / 1024, "imports_mb": before / 1024}))


if __name__ == "__main__":
    main(*sys.argv[1:])
