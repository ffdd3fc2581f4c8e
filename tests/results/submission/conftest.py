"""A prepared set, the output of a stock lm-eval run on it, and a response log of ours on the same questions."""

import hashlib
import shutil
from dataclasses import replace

import pytest

from tests.helpers.deterministic import FORMS, HashEngine, weights_folder
from tests.helpers.small_set import questions, write_set

TASK = "sgg_anatomy_mini"


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """Parent of a prepared set of 24 test questions in four clusters and 8 training questions in two others."""
    from anatomy_r1.data.prepared import write

    folder = tmp_path_factory.mktemp("data")
    write_set(folder)
    learnt = [
        replace(q, id=f"T/{q.id}", cluster=f"T{q.cluster}", stem=f"Really: {q.stem}", image=f"T/{n}.png")
        for n, q in enumerate(questions(8))
    ]
    for n in range(8):
        picture(folder / "images" / "T" / f"{n}.png", n)
    stated = {"benchmark": TASK, "generated": True, "seed": 0}
    write(folder / TASK, {"train": learnt, "test": questions(24)}, folder / "images", stated)
    return folder


def picture(path, seed):
    import numpy as np
    from PIL import Image

    path.parent.mkdir(exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 255, (16, 24, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((96, 64)).save(path)


def said(name, repeat):
    """A response, in one of five forms, of a model that ignores the image."""
    digest = hashlib.sha256(f"{name}/{repeat}".encode()).hexdigest()
    return FORMS[int(digest[:4], 16) % len(FORMS)].format(digest, "ABCD"[int(digest[4:8], 16) % 4])


def stock_run(data, out, *, tasks=(TASK,), chat=None, **options):
    """lm-eval's own evaluation and writers of results and samples, with a model that answers `said`.

    `chat` renders the turns; by default a bare template does.
    """
    from lm_eval import simple_evaluate
    from lm_eval.api.model import LM
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    from anatomy_r1.evaluation.task_files import tasks_folder

    class Dummy(LM):
        MULTIMODAL, tokenizer_name = True, "none"

        def generate_until(self, requests, disable_tqdm=False):
            asked, texts = {}, []
            for request in requests:
                asked[id(request)] = asked.get(id(request), -1) + 1
                kind = "sample" if request.args[1]["do_sample"] else "greedy"
                texts.append(said(f"{request.doc['id']}/{kind}", asked[id(request)]))
            return texts

        def chat_template(self, chat_template=False):
            return "none"

        def apply_chat_template(self, chat_history, add_generation_prompt=True):
            return chat(chat_history) if chat else f"<user>{chat_history[0]['content']}"

        def loglikelihood(self, requests):
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    manager = TaskManager(include_defaults=False, include_path=str(tasks_folder()), metadata={"data": str(data)})
    tracker = EvaluationTracker(output_path=str(out))
    report = simple_evaluate(
        model=Dummy(), tasks=list(tasks), task_manager=manager, apply_chat_template=True, log_samples=True,
        evaluation_tracker=tracker, **options,
    )  # fmt: skip
    samples = report.pop("samples")
    tracker.save_results_aggregated(results=report, samples=samples)
    for name in report["configs"]:
        tracker.save_results_samples(task_name=name, samples=samples[name])
    return out


@pytest.fixture(scope="session")
def stock(data, tmp_path_factory):
    """Output folder of a stock run; tests must not change it."""
    return stock_run(data, tmp_path_factory.mktemp("stock"))


@pytest.fixture
def copy(stock, tmp_path):
    """A copy of it that a test may change."""
    return shutil.copytree(stock, tmp_path / "out")


@pytest.fixture(scope="session")
def log(data, tmp_path_factory):
    """A response log of ours on the same questions, from an engine that answers by hash."""
    from anatomy_r1.evaluation.engines import transformers_engine
    from anatomy_r1.evaluation.evaluate import evaluate

    folder = tmp_path_factory.mktemp("log")
    weights = weights_folder(folder / "weights")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(transformers_engine, "TransformersEngine", HashEngine)
        evaluate(TASK, data, weights, folder / "log.sqlite", progress=False)
    return folder / "log.sqlite"


@pytest.fixture(scope="session", autouse=True)
def _quick(no_environment_listing):
    """Every test below this folder."""


@pytest.fixture
def submitted(data, tmp_path):
    """A function that submits a source to a new store."""
    from anatomy_r1.results.submission.submit import SubmissionRequest, submit

    def run(source, **changes):
        values = {"data": data, "store": tmp_path / "store", "model": "mini-l", "method": "theirs", **changes}
        return submit(SubmissionRequest(source, **values))

    return run
