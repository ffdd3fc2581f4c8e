"""Greedy responses of the real transformers engine to 200 questions, for invariant 6."""

from anatomy_r1.evaluation.engines import transformers_engine
from anatomy_r1.prompts import render
from anatomy_r1.response_log.log import ResponseLog
from tests.helpers.small_set import write_set


def asking(folder):
    """A function: questions in an order, asked so many at a time -> the greedy response to each, by id.

    The model is untrained, in float32, with weights wide enough that what it says depends on prompt and picture.
    """
    import torch

    from anatomy_r1.mini.architecture import build_model, build_processor, save

    processor = build_processor()
    model = build_model("mini-s", processor).float()
    torch.manual_seed(0)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.15)
    save(model, processor, folder / "model")
    write_set(folder / "data", count=200)

    def run(order, batch_size):
        with ResponseLog(folder / f"{len(list(folder.iterdir()))}.sqlite") as log:
            engine = transformers_engine.TransformersEngine(
                folder / "model", log=log, batch_size=batch_size, device="cpu", dtype="float32", progress=False
            )
            requests = [greedy_request(engine, question, folder / "data" / "images") for question in order]
            texts = engine.generate_until(requests)
        return dict(zip((question.id for question in order), texts, strict=True))

    return run


def greedy_request(engine, question, images):
    from lm_eval.api.instance import Instance

    from anatomy_r1.data.shown import LazyImages

    prompt = engine.apply_chat_template([{"role": "user", "content": "<image>" + render(question, "think")}])
    arguments = {"until": [], "do_sample": False, "temperature": 0.0, "max_gen_toks": 8}
    doc = {"id": question.id, "benchmark": "sgg_anatomy_mini"}
    shown = {"visual": LazyImages([str(images / question.image)])}
    return Instance("generate_until", doc, (prompt, arguments, shown), 0, ("sgg_anatomy_mini", question.id, 1))
