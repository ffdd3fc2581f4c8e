"""One row a group gives the log-probabilities, loss and gradient of a row each: to 1e-10 where all is in float64."""

import dataclasses
from types import SimpleNamespace

import pytest
import torch

from anatomy_r1.data.prepared import load
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.certificate.certificate import NAMES, load_evidence
from anatomy_r1.training.certificate.certify import certify
from baselines.experiment.cell import Cell
from baselines.stages.train import train
from baselines.trainers import shared_prefix, shared_scores
from baselines.trainers.batches import merge, together
from baselines.trainers.grpo import LoggedGRPOTrainer
from baselines.trainers.shared_prefix import groups_of, pack, positions, rows_of, visible
from tests.helpers.double import make_double
from tests.helpers.recording import BENCHMARK, GROUP, hashed_reward, shift_weights
from tests.helpers.recording import trainer_for as make
from tests.helpers.small_runs import ignore

pytestmark = pytest.mark.slow

METHODS = ("grpo", "gpg", "dapo", "dr-grpo", "gspo", "papo", "grpo-asc", "grpo-asc-released")
METHODS += ("grpo-gdqa", "grpo-gdqa-no-image", "grpo-asc-gdqa")
CLOSE = 1e-10
"""Relative, in float64."""
LAYERS = r".*language_model\.layers\.\d+\.(self_attn|mlp)\.(q|k|v|o|gate|up|down)_proj"


@pytest.fixture
def double(monkeypatch):
    make_double(monkeypatch)
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)


@pytest.fixture
def trainer(double, smoke_run, with_budget, tmp_path_factory):
    """Method -> trainer in float64 whose weights have moved since the reference."""

    def make_one(method="grpo", moved=True, lora=None, **more):
        size = {"per_device_train_batch_size": 3 * GROUP, "temperature": 0.9, "beta": 0.1, "max_steps": 9}
        run = with_budget(smoke_run, "rl", **{**size, "shared_prefix": True, **more})
        models = {"mini-l": {**run.profile.models["mini-l"], "lora": lora}}
        run = dataclasses.replace(run, profile=dataclasses.replace(run.profile, models=models))
        made, _ = make(run, method, tmp_path_factory.mktemp("work"))
        if moved:
            shift_weights(made.model, 0.02)
        return made

    return make_one


def learned(trainer, batch, shared):
    """Log-probabilities, loss and gradient of every weight."""
    trainer.args.shared_prefix = shared
    trainer.model.zero_grad()
    loss = trainer._compute_loss(trainer.model, batch)
    loss.backward()
    gradient = {name: w.grad for name, w in trainer.model.named_parameters() if w.grad is not None}
    return trainer._log_probabilities, loss.detach(), gradient


def off(found, wanted):
    """Largest difference, as a share of the largest value; where all are zero (a loss of GSPO), the difference."""
    return float((found - wanted).abs().max() / (wanted.abs().max() if wanted.any() else 1))


def check_same(one, other, close=CLOSE):
    assert off(one[0], other[0]) < close
    assert off(one[1], other[1]) < close
    assert one[2].keys() == other[2].keys()
    size = torch.stack([g.abs().max() for g in other[2].values()]).max()
    assert size > 1e-4
    for name, gradient in one[2].items():
        assert float((gradient - other[2][name]).abs().max()) < close * size, name


def batch_of(trainer, groups=3):
    rows = trainer.grouped([trainer.train_dataset[i] for i in range(groups)])
    return trainer.collect(trainer.vary(trainer.choose(rows)))


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_loss_and_gradient_are_those_of_a_row_each(method, trainer, monkeypatch):
    made, whole = trainer(method), trainer(method, shared_prefix=False)
    packed, original, seen = [], shared_scores.pack, []
    monkeypatch.setattr(shared_scores, "pack", lambda *given: packed.append(original(*given)) or packed[-1])
    batch = batch_of(made)
    made.model.model.visual.register_forward_hook(
        lambda _, given, named, __: seen.append(len(named["grid_thw"])), with_kwargs=True
    )
    lengths = batch["completion_mask"].sum(1)
    assert len(lengths.unique()) > 1 and lengths.max() == made.args.max_completion_length  # cut off
    check_same(learned(made, batch, True), learned(whole, batch, False))
    assert seen == [3 * GROUP] if made.args.augment_image else max(seen) <= 3
    if "gdqa" in method:
        assert not packed  # no two members see the same
    else:
        assert packed and all(len(one.ids) <= 3 for one in packed)  # a curriculum may serve a question twice


def test_what_is_scored_without_a_gradient(trainer, monkeypatch):
    """The old policy and the reference, in parts of the batch's size, while TRL scores the completions."""
    made = trainer(per_device_train_batch_size=GROUP, steps_per_generation=2)
    pairs, original = [], type(made)._get_per_token_logps_and_entropies

    def twice(self, *given, **named):
        both = []
        for self.args.shared_prefix in (False, True):
            both.append(original(self, *given, **named))
        pairs.append([one[0] for one in both])
        return both[1]

    monkeypatch.setattr(type(made), "_get_per_token_logps_and_entropies", twice)
    batch = batch_of(made, groups=2)
    assert len(pairs) == 2
    for (usual, shared), name in zip(pairs, ("old", "ref"), strict=True):
        assert shared.shape == (2 * GROUP, batch["completion_ids"].size(1))
        assert not shared.requires_grad
        assert off(shared, usual) < CLOSE
        assert torch.equal(batch[f"{name}_per_token_logps"], shared)


IMAGE, START, END, PAD = "<|image_pad|>", "<|vision_start|>", "<|vision_end|>", "<|endoftext|>"


def written(trainer, prompts, completions, side="left", seed=0):
    """TRL's tensors of rows: prompts (words, sizes of their images, seed) and the lengths of completions."""
    token = trainer.processing_class.tokenizer.convert_tokens_to_ids
    rng = torch.Generator().manual_seed(seed)
    width = 3 * 2 * trainer.model.config.vision_config.patch_size**2
    ids, types, pixels, grids = [], [], [], []
    for words, sizes, drawn in prompts:
        own, images = torch.Generator().manual_seed(drawn), [(1, 2 * h, 2 * w) for h, w in sizes]
        tokens = [t for _, h, w in images for t in [token(START), *[token(IMAGE)] * (h * w // 4), token(END)]]
        tokens += torch.randint(30, 150, (words,), generator=own).tolist()
        ids.append(tokens)
        types.append([int(one == token(IMAGE)) for one in tokens])
        pixels += [torch.randn(h * w, width, generator=own, dtype=torch.float64) for _, h, w in images]
        grids += images
    wide, long = max(map(len, ids)), max(*completions, 1)

    def padded(rows, fill):
        lack = [[fill] * (wide - len(row)) for row in rows]
        return torch.tensor([[*p, *r] if side == "left" else [*r, *p] for r, p in zip(rows, lack, strict=True)])

    answers = torch.randint(30, 150, (len(ids), long), generator=rng)
    real = torch.arange(long)[None] < torch.tensor(completions)[:, None]
    prompt = padded(ids, token(PAD))
    mask = torch.cat([padded([[1] * len(row) for row in ids], 0), real.long()], 1)
    sized = {"image_grid_thw": torch.tensor(grids), "num_images": [len(sizes) for _, sizes, _ in prompts]}
    shown = {"pixel_values": torch.cat(pixels), **sized} if pixels else {}
    return {
        "input_ids": torch.cat([prompt, answers.masked_fill(~real, token(PAD))], 1),
        "attention_mask": mask,
        "logits_to_keep": long,
        **shown,
        "mm_token_type_ids": torch.cat([padded(types, 0), torch.zeros_like(answers)], 1),
    }


ONE, TWO, WIDE = (9, [(3, 3)], 1), (14, [(3, 3), (2, 4)], 2), (11, [(4, 2)], 3)
SHORT, PLAIN = (1, [], 5), (7, [], 6)
"""Prompts: words, sizes of images in merged patches, seed."""
CASES = {
    "two groups of eight": ([ONE] * 8 + [TWO] * 8, [3, 9, 1, 9, 5, 2, 7, 4] * 2),
    "groups of one, two and eight": ([ONE] + [TWO] * 2 + [WIDE] * 8, [5, 2, 6, 1, 2, 3, 4, 5, 6, 7, 7]),
    "rows of groups in another order": ([ONE, TWO, ONE, WIDE, TWO, ONE], [4, 4, 2, 7, 1, 6]),
    "the same words about other pixels": ([ONE] * 2 + [(9, [(3, 3)], 4)] * 2, [4, 3, 2, 1]),
    "completions masked as a whole": ([ONE] * 3 + [TWO], [4, 0, 3, 0]),
    "nothing to score": ([ONE] * 2 + [TWO] * 2, [0, 0, 0, 0]),
    "prompts of one token": ([SHORT] * 2 + [(1, [], 6)] * 3, [3, 1, 2, 4, 5]),
    "one token beside images": ([SHORT] * 2 + [ONE] * 2 + [PLAIN] * 3, [3, 1, 2, 4, 1, 2, 3]),
    "one token, nothing to score": ([SHORT] * 2, [0, 0]),
}


def scored(trainer, given, shared, model=None, **more):
    """Log-probabilities, entropies, and the gradient of a sum with a weight of its own for each token."""
    trainer.args.shared_prefix = shared
    trainer.model.zero_grad()
    rest = {key: value for key, value in given.items() if key not in ("input_ids", "attention_mask", "logits_to_keep")}
    first = [given[key] for key in ("input_ids", "attention_mask", "logits_to_keep")]
    named = {**rest, "compute_entropy": True, **more}
    logps, entropies, aux = trainer._get_per_token_logps_and_entropies(model or trainer.model, *first, **named)
    assert aux is None
    weight = torch.linspace(-1, 2, logps.numel(), dtype=logps.dtype).view_as(logps)
    if logps.requires_grad:
        ((logps + 0.3 * entropies) * weight).sum().backward()
    return (
        logps.detach(),
        entropies.detach(),
        {n: w.grad for n, w in trainer.model.named_parameters() if w.grad is not None},
    )


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case)
def test_rows_of_every_kind(case, side, trainer):
    made, (prompts, lengths) = trainer(), CASES[case]
    given = written(made, prompts, lengths, side)
    shared = scored(made, given, True)
    # TRL predicts the first token from padding where prompts are padded on the right
    usual = scored(made, written(made, prompts, lengths, "left"), False)
    if case.endswith("nothing to score"):
        assert not shared[0].any() and not usual[0].any()
        assert not any(gradient.any() for gradient in shared[2].values())
        return
    check_same(shared, usual)
    assert torch.equal(shared[0] == 0, given["attention_mask"][:, -given["logits_to_keep"] :] == 0)


def test_parts_of_a_batch_and_no_gradient(trainer):
    """A part may hold pieces of groups; the last one is smaller."""
    made, (prompts, lengths) = trainer(), CASES["groups of one, two and eight"]
    given = written(made, prompts, lengths)
    whole = scored(made, given, False)
    with torch.no_grad():
        parts = scored(made, given, True, batch_size=4)
    assert off(parts[0], whole[0]) < CLOSE and off(parts[1], whole[1]) < CLOSE


def test_gradient_checkpointing(trainer):
    made, (prompts, lengths) = trainer(), CASES["groups of one, two and eight"]
    given = written(made, prompts, lengths)
    usual = scored(made, given, False)
    made.model.gradient_checkpointing_enable({"use_reentrant": False})
    check_same(scored(made, given, True), usual)


def test_adapters(trainer):
    """The policy has adapters, and is its own reference without them."""
    made = trainer(lora={"r": 4, "lora_alpha": 8, "lora_dropout": 0.0, "target_modules": LAYERS})
    batch = batch_of(made)
    shared, usual = learned(made, batch, True), learned(made, batch, False)
    assert all("lora" in name for name in shared[2])
    check_same(shared, usual)


def test_inside_the_wrapper_of_several_processes(trainer, tmp_path):
    """DDP calls the model; what is asked about the model is asked without the wrapper."""
    made = trainer()
    given = written(made, *CASES["groups of one, two and eight"])
    usual, own = scored(made, given, False), made.model
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        wrapped = torch.nn.parallel.DistributedDataParallel(own, find_unused_parameters=True)
        shared = scored(made, given, True, model=wrapped)
    finally:
        torch.distributed.destroy_process_group()
    check_same(shared, usual)


def test_a_frozen_vision_tower_has_no_graph_and_gradients_stay(trainer, monkeypatch):
    """Adapters with gradient checkpointing: TRL's own call gives the tower a graph."""
    lora = {"r": 4, "lora_alpha": 8, "lora_dropout": 0.0, "target_modules": LAYERS}
    found, calls = [], []
    for frozen in (True, False):
        if not frozen:
            monkeypatch.setattr("baselines.trainers.grpo.without_graph", lambda _: None)
        made = trainer(lora=lora, gradient_checkpointing=True)
        tower = next(part.visual for part in made.model.modules() if hasattr(part, "get_rope_index"))
        tower.register_forward_hook(lambda _, __, out: calls.append(out.pooler_output.requires_grad))
        given = written(made, *CASES["two groups of eight"])
        found.append(scored(made, given, False))
    assert calls == [False, True]
    assert torch.equal(found[0][0], found[1][0])
    assert found[0][2] and all(torch.equal(found[0][2][name], found[1][2][name]) for name in found[1][2])


def test_bfloat16_is_as_close_to_the_truth(trainer, monkeypatch):
    made, (prompts, lengths) = trainer(), CASES["two groups of eight"]
    given = written(made, prompts, lengths)
    truth = scored(made, given, False)[0]
    monkeypatch.undo()  # as models really round
    made.model.bfloat16()
    shared, usual = (scored(made, given, one)[0] for one in (True, False))
    assert shared.dtype == usual.dtype
    wrong = [float((one - truth).abs().mean()) for one in (shared, usual)]
    assert 0 < wrong[0] < 1.5 * wrong[1]


def test_eager_attention(trainer, monkeypatch):
    """Its softmax is in float32, in which float64's smallest number is infinite."""
    made, (prompts, lengths) = trainer(), CASES["groups of one, two and eight"]
    given = written(made, prompts, lengths)
    monkeypatch.undo()
    made.model.float().set_attn_implementation("eager")
    shared, usual = scored(made, given, True), scored(made, given, False)
    check_same(shared, usual, close=1e-5)


def test_off_is_trl_s_path(trainer, monkeypatch):
    made = trainer()
    given = written(made, *CASES["two groups of eight"])
    monkeypatch.setattr("baselines.trainers.grpo.from_shared_rows", lambda *_, **__: pytest.fail("called"))
    scored(made, given, False)


def test_rows_without_a_twin_take_trl_s_path(trainer):
    made = trainer()
    given = written(made, [ONE, TWO, WIDE], [3, 2, 4])
    shared, usual = scored(made, given, True), scored(made, given, False)
    assert torch.equal(shared[0], usual[0])
    assert all(torch.equal(shared[2][name], usual[2][name]) for name in usual[2])


@pytest.mark.slow
@pytest.mark.parametrize("accumulation", [1, 2])
def test_whole_trainings_with_gradient_accumulation(accumulation, trainer, monkeypatch):
    """Three steps of gradient descent from the same completions; of TRL's two batches, each gets whole groups."""
    packed, original = [], shared_scores.pack
    monkeypatch.setattr(shared_scores, "pack", lambda *given: packed.append(original(*given)) or packed[-1])
    ends = []
    for shared in (True, False):
        size = {
            "per_device_train_batch_size": 2 * GROUP,
            "gradient_accumulation_steps": accumulation,
            "steps_per_generation": accumulation,
        }
        budget = {
            **size,
            "max_steps": 3,
            "optim": "sgd",
            "learning_rate": 0.1,
            "warmup_steps": 0,
            "save_strategy": "no",
        }
        made = trainer(moved=False, **budget)
        made.args.shared_prefix = shared
        before = {name: w.detach().clone() for name, w in made.model.named_parameters()}
        torch.manual_seed(0)
        made.train()
        ends.append({name: w.detach() - before[name] for name, w in made.model.named_parameters()})
    assert {len(one.ids) for one in packed} == {2}
    size = max(float(w.abs().max()) for w in ends[1].values())
    assert size > 1e-4
    assert max(float((ends[0][name] - ends[1][name]).abs().max()) for name in ends[0]) < CLOSE * size


def test_rows_of_a_group_come_together(trainer):
    """As TRL buffers them, with the unequal groups that its shuffle leaves."""
    made = trainer()
    given = batch_of(made)
    order = torch.randperm(3 * GROUP, generator=torch.Generator().manual_seed(1)).tolist()
    halves = [merge([given], [(0, row) for row in order[i : i + 12]], 0) for i in (0, 12)]
    halves = [{**half, "num_items_in_batch": given["num_items_in_batch"]} for half in halves]
    found = together(halves, 0)
    assert [len(one["prompt_ids"]) for one in found] == [12, 12]
    assert len({tuple(ids) for ids in found[0]["prompt_ids"].tolist()}) == 2
    for one in found:
        assert one.keys() == given.keys()
        assert torch.equal(one["num_items_in_batch"], given["num_items_in_batch"])

    def rows(batches):
        names = ("prompt_ids", "completion_ids", "completion_mask", "advantages", "ref_per_token_logps")
        return sorted(tuple(str(b[name][row].tolist()) for name in names) for b in batches for row in range(12))

    assert rows(found) == rows(halves)


@pytest.mark.parametrize(
    ("changed", "move"),
    [
        ({}, True),
        ({"loss_type": "bnpo"}, False),
        ({"top_entropy_quantile": 0.3}, False),
        ({"entropy_coef": 0.01}, False),
        ({"steps_per_generation": 1}, False),
        ({"gradient_accumulation_steps": 1}, False),
    ],
    ids=str,
)
def test_rows_stay_where_an_update_takes_something_over_a_batch_of_its_own(changed, move):
    given = {"shared_prefix": True, "steps_per_generation": 2, "gradient_accumulation_steps": 2, "loss_type": "dapo"}
    given |= {"top_entropy_quantile": 1.0, "entropy_coef": 0.0, **changed}
    trainer = SimpleNamespace(args=SimpleNamespace(**given), loss_type=given["loss_type"])
    assert LoggedGRPOTrainer._rows_may_move.fget(trainer) is move


@pytest.mark.slow
@pytest.mark.parametrize("method", ["grpo", "gpg", "dapo", "grpo-asc", "grpo-gdqa"])
def test_certificates_of_shared_trainings_pass(method, smoke_run, with_budget, monkeypatch):
    """Ten steps, with the texts and batches of two of them recorded."""
    monkeypatch.setattr("anatomy_r1.training.rewards.accuracy_reward", hashed_reward)
    size = {"max_steps": 10, "max_completion_length": 8, "beta": 0.04, "learning_rate": 1e-3, "save_steps": 50}
    run = with_budget(smoke_run, "rl", **size, shared_prefix=True)
    folder = train(run, Cell(BENCHMARK, "mini-l", method, 0), ignore)
    evidence = load_evidence(folder, load(run.layout.data(BENCHMARK), "train"))
    assert evidence.arguments["shared_prefix"] is True
    found = {check.name: check.outcome for check in certify(evidence).checks}
    assert found == {**dict.fromkeys(NAMES, "passed"), "rewards": "failed"}  # for they are planted


# The parts, by hand


def test_images_that_are_the_same_by_hand():
    """Equal pixels in another shape are another image."""
    pixels = torch.tensor([[1.0], [2.0], [3.0], [4.0], [1.0], [2.0], [1.0], [2.0]])
    grid = torch.tensor([[1, 1, 2], [1, 2, 1], [1, 2, 1], [1, 1, 2]])
    assert shared_prefix.distinct_images(pixels, grid) == ([0, 1, 2], [0, 1, 2, 0])


def by_hand():
    """Two rows of one prompt (7, 8, 9), the second shifted, and completions (1, 2) and (3)."""
    ids = torch.tensor([[0, 7, 8, 9, 1, 2], [7, 8, 9, 0, 3, 0]])
    mask = torch.tensor([[0, 1, 1, 1, 1, 1], [1, 1, 1, 0, 1, 0]])
    return rows_of(ids, mask, 2)


def test_a_packed_row_by_hand():
    rows = by_hand()
    assert groups_of(rows) == ((0, 1),)
    packed = pack(rows, groups_of(rows))
    assert packed.ids.tolist() == [[7, 8, 9, 1, 9]]
    assert packed.labels.tolist() == [[-100, -100, 1, 2, 3]]
    assert packed.owner.tolist() == [[0, 0, 1, 1, 2]]
    assert packed.place.tolist() == [[0, 1, 2, 3, 2]]
    assert packed.prompt.tolist() == [[7, 8, 9]]
    assert packed.unpack(torch.tensor([[0.1, 0.2, 0.3, 0.4, 0.5]])).tolist() == [
        [pytest.approx(0.3), pytest.approx(0.4)],
        [pytest.approx(0.5), 0],
    ]
    assert visible(packed.owner)[0, 0].int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 0, 0, 1],
    ]


def test_positions_go_on_from_the_prompt():
    packed = pack(by_hand(), ((0, 1),))
    of_prompt = torch.tensor([[[0, 1, 5]], [[0, 2, 5]], [[0, 3, 5]]])
    assert positions(packed, of_prompt).tolist() == [
        [[0, 1, 5, 6, 5]],
        [[0, 2, 5, 6, 5]],
        [[0, 3, 5, 6, 5]],
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"types": torch.tensor([[0, 0, 0, 1, 0, 0], [0, 0, 1, 0, 0, 0]])}, "ends in an image"),
        ({"mask": torch.tensor([[0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 0]])}, "empty"),
    ],
)
def test_prompts_that_cannot_be_repeated(change, told):
    rows = dataclasses.replace(by_hand(), **change)
    with pytest.raises(ValueError, match=told):
        pack(rows, groups_of(rows))


def model_like(model_type="qwen2_5_vl", dropout=0.0, attention="sdpa", layers=("full_attention",), own=0.0):
    text = SimpleNamespace(layer_types=list(layers), attention_dropout=own, _attn_implementation=attention)
    config = SimpleNamespace(model_type=model_type, get_text_config=lambda: text)
    return SimpleNamespace(config=config, modules=lambda: [torch.nn.Dropout(dropout)])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"model_type": "llava"}, "not with llava"),
        ({"attention": "flash_attention_2"}, "attention flash_attention_2 does not take: write attention: sdpa"),
        ({"layers": ("full_attention", "sliding_attention")}, "sliding"),
        ({"dropout": 0.1}, "lora_dropout"),
        ({"own": 0.1}, "attention_dropout"),
    ],
)
def test_models_that_cannot_share_are_refused_before_they_train(change, told):
    shared_scores.check_model(model_like())
    with pytest.raises(AnatomyR1Error, match=told):
        shared_scores.check_model(model_like(**change))


@pytest.mark.parametrize(
    ("named", "told"),
    [({"pixel_attention_mask": 1}, "pixel_attention_mask"), ({"compute_aux_loss": True}, "mixture of experts")],
)
def test_what_shared_rows_do_not_know_is_refused(named, told):
    rows = by_hand()
    with pytest.raises(AnatomyR1Error, match=told):
        shared_scores.from_shared_rows(None, None, rows.ids, rows.mask, 2, **named)
    assert torch.nn.CrossEntropyLoss().ignore_index == shared_prefix.IGNORED
