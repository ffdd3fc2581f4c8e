"""Folders that are not whole checkpoints: each is refused in one line that names what is there and the way out."""

import json
import shlex
import shutil
import subprocess
import sys

import pytest

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.checkpoint import check_weights, open_config, open_processor, weights_identity
from anatomy_r1.evaluation.engines.engine import open_engine
from anatomy_r1.response_log.log import ResponseLog


def made(folder, *names):
    """A folder with these files, or folders for names that end in a slash."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir() if name.endswith("/") else path.write_bytes(b"{}")
    return folder


@pytest.fixture
def copied(model_folder, tmp_path):
    """A copy of the tiny model, to be damaged."""
    return shutil.copytree(model_folder, tmp_path / "model")


ADAPTERS = ("adapter_config.json", "adapter_model.safetensors")


@pytest.mark.parametrize(
    ("names", "said"),
    [
        pytest.param(ADAPTERS, r"adapters \(adapter_config.json\), not a whole model. Fix: merge them", id="adapters"),
        pytest.param((*ADAPTERS, "config.json", "model.safetensors"), "adapters", id="adapters beside weights"),
        pytest.param(("model-Q4_K_M.gguf",), "but GGUF. Fix: serve it, and use --engine server", id="GGUF"),
        pytest.param(("config.json", "pytorch_model.bin"), "but pickled weights .*save_pretrained", id="pickled"),
        pytest.param(("pytorch_model-00001-of-00002.bin",), "but pickled weights", id="pickled shards"),
        pytest.param(("pytorch_model_fsdp_0/__0_0.distcp",), "FSDP. Fix: accelerate merge-weights .*fsdp_0", id="FSDP"),
        pytest.param(("__0_0.distcp", ".metadata"), "FSDP", id="inside a folder of FSDP"),
        pytest.param(("global_step100/zero_pp_rank_0_mp_rank_00_optim_states.pt",), "zero_to_fp32.py", id="DeepSpeed"),
        pytest.param(("checkpoint-100/model.safetensors", "trainer_state.json"), "name .*-100", id="one below"),
        pytest.param(("optimizer.pt", "trainer_state.json"), "that `save_pretrained` wrote", id="the optimiser alone"),
        pytest.param((), "that `save_pretrained` wrote", id="empty"),
    ],
)
def test_case_17_what_is_in_a_folder_without_whole_weights(tmp_path, names, said):
    made(tmp_path / "model", "README.md", *names)
    with pytest.raises(AnatomyR1Error, match=said) as refused:
        weights_identity(tmp_path / "model")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("Qwen/Qwen2.5-VL-3B-Instruct", "hf download Qwen/Qwen2.5-VL-3B-Instruct --local-dir models/Qwen2.5-VL-3B"),
        ("models/a/b", "no such folder"),
        ("a.safetensors", "a file, not the folder of a checkpoint. Fix: name the folder it is in"),
        ("a.gguf", "Fix: serve it, and use --engine server"),
    ],
    ids=["a hub id", "a wrong path", "a file", "a GGUF file"],
)
def test_case_17_what_is_no_folder(tmp_path, monkeypatch, model, said):
    made(tmp_path, "a.safetensors", "a.gguf")
    monkeypatch.chdir(tmp_path)
    with ResponseLog(tmp_path / "log") as log, pytest.raises(AnatomyR1Error, match=said):
        open_engine("transformers", model, benchmark="sgg_anatomy", log=log)


@pytest.mark.parametrize(
    ("index", "said"),
    [
        ({"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}}, "2.safetensors: missing, but model.safetensors"),
        ({"weight_map": dict(zip("abcd", "1234", strict=True))}, "1: missing, .*4 of 4 shards in all"),
        ([], "not an index of shards"),
        ({"weight_map": []}, "not an index of shards"),
        (None, "not an index of shards"),
    ],
    ids=["a shard is missing", "all are missing", "a list", "no map", "not JSON"],
)
def test_case_17_shards_that_the_index_names_and_that_are_not_there(tmp_path, index, said):
    folder = made(tmp_path / "model", "1.safetensors")
    (folder / "model.safetensors.index.json").write_text("{" if index is None else json.dumps(index))
    with pytest.raises(AnatomyR1Error, match=said):
        check_weights(folder)


@pytest.mark.slow
def test_case_17_the_command_in_the_message_merges_the_adapters(model_folder, tmp_path):
    """Run as it is printed; the merged model differs from its base as the adapters say."""
    peft = pytest.importorskip("peft")
    import torch
    from transformers import AutoModelForImageTextToText

    base = AutoModelForImageTextToText.from_pretrained(model_folder)
    torch.manual_seed(0)
    lora = peft.LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=False)
    peft.get_peft_model(base, lora).save_pretrained(tmp_path / "its adapters")
    with pytest.raises(AnatomyR1Error) as refused:
        weights_identity(tmp_path / "its adapters")
    command = shlex.split(str(refused.value).partition("with peft: ")[2])
    assert command[:2] == ["python", "-c"]
    subprocess.run([sys.executable, *command[1:]], check=True, capture_output=True)
    merged = tmp_path / "its adapters-merged"
    assert weights_identity(merged) != weights_identity(model_folder)
    assert open_processor(merged).chat_template
    new, old = (AutoModelForImageTextToText.from_pretrained(one).state_dict() for one in (merged, model_folder))
    changed = {name for name in old if not torch.equal(old[name], new[name])}
    assert changed
    assert all("q_proj" in name for name in changed)


def test_case_17_a_training_checkpoint_with_its_optimiser_is_a_checkpoint(copied):
    before = weights_identity(copied)
    made(copied, "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "training_args.bin")
    assert weights_identity(copied) == before


def test_case_17_a_text_only_model_is_refused(copied):
    from transformers import Qwen2Config

    Qwen2Config().save_pretrained(copied)
    with pytest.raises(AnatomyR1Error, match=r"a model of type qwen2 takes no images and text\. Fix: name"):
        open_config(copied)


def test_case_17_weights_that_lack_a_part_are_refused_rather_than_made_up(copied, tmp_path):
    from safetensors.torch import load_file, save_file

    weights = load_file(copied / "model.safetensors")
    lost = next(name for name in sorted(weights) if name.endswith("q_proj.weight"))
    save_file({name: value for name, value in weights.items() if name != lost}, copied / "model.safetensors")
    with (
        ResponseLog(tmp_path / "log") as log,
        pytest.raises(AnatomyR1Error, match="1 weights of the model"),
    ):
        open_engine("transformers", copied, benchmark="sgg_anatomy", log=log)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ("tokenizer.json", "tokenizer_config.json"),
            r"no tokenizer \(tokenizer.json or .*Fix: copy",
        ),
        (("tokenizer.json",), r"no tokenizer \(tokenizer.json or tokenizer.model\)"),
        (("config.json",), r"config.json: missing. Fix: copy it"),
        (("processor_config.json",), r"no processor \(processor_config.json or preprocessor_config.json\)"),
        (("chat_template.jinja",), "neither processor nor tokenizer has a chat template"),
        (("model.safetensors",), "no .*safetensors weights"),
    ],
    ids=["no tokenizer files", "no vocabulary", "no configuration", "no processor", "no template", "no weights"],
)
def test_case_20_the_file_that_is_missing_is_named(copied, tmp_path, names, said):
    for name in names:
        (copied / name).unlink()
    with ResponseLog(tmp_path / "log") as log, pytest.raises(AnatomyR1Error, match=said):
        open_engine("transformers", copied, benchmark="sgg_anatomy", log=log)


BROKEN = ["config.json", "tokenizer.json", "processor_config.json", "generation_config.json", "tokenizer_config.json"]


@pytest.mark.parametrize("name", [*BROKEN, "model.safetensors"])
@pytest.mark.parametrize("content", [b"", b'{"a": ', b"\xff\xfe\x00"], ids=["empty", "cut off", "bytes"])
def test_case_20_a_broken_file_is_one_line(copied, tmp_path, name, content):
    (copied / name).write_bytes(content)
    with ResponseLog(tmp_path / "log") as log, pytest.raises(AnatomyR1Error, match="Fix: ") as refused:
        open_engine("transformers", copied, benchmark="sgg_anatomy", log=log)
    assert "\n" not in str(refused.value)


TEMPLATE = "chat_template.jinja"


@pytest.mark.parametrize("kind", ["string", "named", "chat_template.json", "jinja"])
def test_case_16_the_chat_template_is_used_wherever_it_is(copied, tmp_path, kind):
    source = (copied / TEMPLATE).read_text()
    (copied / TEMPLATE).unlink()
    config = json.loads((copied / "tokenizer_config.json").read_text())
    if kind == "jinja":
        (copied / TEMPLATE).write_text(source)
    elif kind == "chat_template.json":
        (copied / kind).write_text(json.dumps({"chat_template": source}))
    else:
        several = [{"name": "default", "template": source}, {"name": "rag", "template": "other"}]
        config["chat_template"] = source if kind == "string" else several
        (copied / "tokenizer_config.json").write_text(json.dumps(config))
    assert open_processor(copied).chat_template == source
    with ResponseLog(tmp_path / "log") as log:
        engine = open_engine("transformers", copied, benchmark="sgg_anatomy", log=log)
        assert engine.chat_template() == source
        prompt = engine.apply_chat_template([{"role": "user", "content": "<image>What is this ?"}])
    assert "<|image_pad|>" in prompt


@pytest.mark.parametrize(
    "name",
    ["chat_template.jinja", "chat_template.json", "tokenizer_config.json", "additional_chat_templates/rag.jinja"],
)
def test_case_16_every_file_that_can_hold_a_template_is_part_of_the_identity(copied, name):
    path = copied / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("{}")
    before = weights_identity(copied)
    path.write_text('{"chat_template": "x"}')
    assert weights_identity(copied) != before
