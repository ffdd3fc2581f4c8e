"""Our transformers engine beside lm-eval's own `hf-multimodal`: the same model, questions, sampling and length.

python -m tests.bench.engines MODEL DATA [TASK QUESTIONS ROUNDS]      (DATA: a prepared set, or its parent)

One process, one thread, five responses a question at temperature 1, each engine at batch sizes 1, 8 and 16, in turn.
Prints processor seconds (user and system) of `generate_until` as JSON, and the ratio of the best of each. Loading is
outside. `frozen`: hf-multimodal collects garbage after each batch, which takes the longer the more was imported; here
what was there before is left out of that, so that it is not what is compared.
"""

import gc
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

SIZES, NEW, REPEATS = (1, 8, 16), 24, 5
"""24 is the mini profile's length."""


def load(model, log):
    """Both engines; neither is given more than the other."""
    import torch
    from lm_eval.models.hf_vlms import HFMultimodalLM

    from anatomy_r1.evaluation.engines.transformers_engine import TransformersEngine

    torch.set_num_threads(1)
    ours = TransformersEngine(model, log=log, device="cpu", dtype="float32", progress=False)
    return ours, HFMultimodalLM(str(model), device="cpu", dtype="float32", batch_size=1)


def requests(engine, task, data, count):
    """The sampled requests of the first questions, each five times, as lm-eval clones them."""
    from lm_eval.tasks import TaskManager

    from anatomy_r1.evaluation.task_files import tasks_folder

    manager = TaskManager(include_defaults=False, include_path=str(tasks_folder()), metadata={"data": str(data)})
    loaded = manager.load([task])["tasks"][task]
    loaded.set_config("generation_kwargs", {"temperature": 1.0, "max_gen_toks": NEW}, update=True)
    loaded.build_all_requests(limit=count, apply_chat_template=True, chat_template=engine.apply_chat_template)
    sampled = [one for one in loaded.instances if one.repeats == REPEATS]
    assert len(sampled) == count
    return list(itertools.chain.from_iterable([one] * REPEATS for one in sampled))


def seconds(engine, asked, size, seed):
    """Processor seconds for all, none of which is in the log yet."""
    if hasattr(engine, "log"):
        engine.batch_size, engine.seed = size, seed
    else:
        engine.batch_size_per_gpu = size
    began = time.process_time()
    said = engine.generate_until(asked, disable_tqdm=True)
    took = time.process_time() - began
    assert len(said) == len(asked)
    return took, sum(map(len, said)) / len(said)


def compare(model, data, task, count, rounds, sizes=SIZES):
    """Seconds of each engine at each batch size, the best of the rounds, and the ratio of the best sizes."""
    from anatomy_r1.response_log.log import ResponseLog

    with tempfile.TemporaryDirectory() as folder, ResponseLog(Path(folder) / "log") as log:
        engines = dict(zip(("ours", "stock"), load(Path(model), log), strict=True))
        asked = {name: requests(engine, task, data, count) for name, engine in engines.items()}
        for name, engine in engines.items():
            seconds(engine, asked[name][:REPEATS], 1, seed=-1)  # the first one warms up
        took, letters = {}, {}
        for round_, size in itertools.product(range(rounds), sizes):
            for kind in ("ours", "stock", "stock, frozen"):
                name = kind.split(",")[0]
                if kind.endswith("frozen"):
                    gc.freeze()
                found, letters[kind] = seconds(engines[name], asked[name], size, seed=round_ * 100 + size)
                gc.unfreeze()
                took.setdefault(kind, {}).setdefault(size, []).append(round(found, 2))
                print(kind, size, round(found, 2), file=sys.stderr, flush=True)
    best = {kind: min(min(some) for some in by_size.values()) for kind, by_size in took.items()}
    ratios = {kind: round(best["ours"] / best[kind], 3) for kind in best if kind != "ours"}
    return {"ratios": ratios, "seconds": took, "letters a response": letters, "questions": count}


def main(model, data, task="sgg_anatomy_mini", count="32", rounds="2"):
    """Compare and print."""
    print(json.dumps(compare(model, data, task, int(count), int(rounds))))


if __name__ == "__main__":
    main(*sys.argv[1:])
