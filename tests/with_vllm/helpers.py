"""Runs and logs."""

from anatomy_r1.evaluation.evaluate import evaluate
from anatomy_r1.response_log.log import ResponseLog
from tests.with_vllm.conftest import OPTIONS


def run(data, model, log, engine="vllm", **options):
    options = {"max_new_tokens": 24, "progress": False, **options}
    if engine == "vllm":
        options["engine_args"] = {**OPTIONS, **options.get("engine_args", {})}
    return evaluate("sgg_anatomy_mini", data, model, log, engine=engine, **options)


def texts(log, decoding=None):
    """(question, decoding, repeat) -> text and how it ended."""
    with ResponseLog(log, read_only=True) as opened:
        return {
            (one.key.question_id, one.key.decoding, one.key.repeat): (one.text, one.finish_reason, one.tokens)
            for one in opened.rows()
            if decoding in (None, one.key.decoding)
        }
