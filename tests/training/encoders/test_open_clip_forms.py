"""open_clip's configurations as they are met, old and new: the vectors of open_clip's own model, or one line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from anatomy_r1.cli.main import main
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.open_clip_tower import open_clip_encoder, read_config
from tests.helpers.small_set import write_set
from tests.training.encoders.test_encoders import bert_folder

VISION = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
TRANSFORMERS = {"hf_model_name": "hub/name", "hf_tokenizer_name": "hub/name", "context_length": 32}
OWN = {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 4, "layers": 2}


def save(model, folder):
    from safetensors.torch import save_file

    save_file({name: value.contiguous().clone() for name, value in model.state_dict().items()},
              folder / "open_clip_model.safetensors")  # fmt: skip
    return model


def transformers_folder(folder, embed_dim, proj, pooler):
    """A folder with random weights and its model, whose text tower is a BERT of width 32; no configuration yet."""
    import open_clip

    bert_folder(folder)
    text = {**TRANSFORMERS, "hf_model_name": str(folder), "hf_model_pretrained": False}
    torch.manual_seed(3)
    model = open_clip.CustomTextCLIP(embed_dim, VISION, {**text, "hf_proj_type": proj, "hf_pooler_type": pooler}).eval()
    with torch.no_grad():
        for weight in model.text.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.3)
    return save(model, folder)


def write_config(folder, embed_dim, text, *, flat=False, **more):
    config = {"embed_dim": embed_dim, "vision_cfg": VISION, "text_cfg": text, **more}
    (folder / "open_clip_config.json").write_text(json.dumps(config if flat else {"model_cfg": config}))


@pytest.mark.parametrize("flat", [False, True], ids=["within model_cfg", "flat"])
@pytest.mark.parametrize(
    ("embed_dim", "proj", "pooler"),
    [
        (24, "linear", "mean_pooler"),
        (24, "mlp", "cls_pooler"),
        (24, "mlp", "cls_last_hidden_state_pooler"),
        (32, None, "mean_pooler"),
        (24, "linear", None),
    ],
)
@pytest.mark.parametrize("names", [("proj", "pooler_type"), ("hf_proj_type", "hf_pooler_type")], ids=["old", "new"])
def test_case_19_former_and_present_names_give_open_clip_s_own_vector(tmp_path, embed_dim, proj, pooler, names, flat):
    from open_clip.tokenizer import HFTokenizer

    model = transformers_folder(tmp_path, embed_dim, proj, pooler)
    write_config(tmp_path, embed_dim, {**TRANSFORMERS, names[0]: proj, names[1]: pooler}, flat=flat)
    tokens = HFTokenizer(str(tmp_path), 32)(["Cystic plate"])
    with torch.inference_mode():
        vector = model.encode_text(tokens, normalize=True)[0].numpy()
    np.testing.assert_allclose(open_clip_encoder(tmp_path).encode("Cystic plate"), vector, atol=1e-6)


def test_case_19_a_flat_file_of_open_clip_s_own_tower(tmp_path):
    import open_clip

    torch.manual_seed(4)
    model = save(open_clip.CLIP(24, VISION, OWN).eval(), tmp_path)
    write_config(tmp_path, 24, OWN, flat=True)
    encoder = open_clip_encoder(tmp_path)
    with torch.inference_mode():
        vector = model.encode_text(open_clip.SimpleTokenizer(context_length=16)(["Gallbladder"]), normalize=True)[0]
    np.testing.assert_allclose(encoder.encode("Gallbladder"), vector.numpy(), atol=1e-6)
    assert encoder.token_ids("Gut") != encoder.token_ids("Liver")


def test_case_19_every_configuration_that_open_clip_ships_is_read():
    import open_clip

    paths = sorted((Path(open_clip.__file__).parent / "model_configs").glob("*.json"))
    assert len(paths) > 100
    for path in paths:
        assert read_config(path)["embed_dim"] == json.loads(path.read_text())["embed_dim"]


FOREIGN = {
    "options of the tokenizer that it lacks": ({"tokenizer_kwargs": {"clean": "no such"}}, "open_clip cannot load it"),
    "more tokens than positions": ({"context_length": 4000}, "open_clip cannot load it"),
    "an unknown pooler": ({"hf_pooler_type": "cls"}, "hf_pooler_type should be one of .*found 'cls'"),
    "the pooler that open_clip cannot run": ({"pooler_type": "max_pooler"}, "should be one of .*max_pooler"),
    "an unknown projection": ({"proj": "conv"}, "hf_proj_type should be one of .*found 'conv'"),
    "both names": ({"proj": "mlp", "hf_proj_type": "mlp"}, "proj and hf_proj_type say the same thing twice"),
    "a misspelt key": ({"hf_pooler_typ": "mean_pooler"}, "'hf_pooler_typ' .did you mean 'hf_pooler_type'"),
    "a key from nowhere": ({"quantum": 1}, "unknown key 'quantum' .known keys: "),
    "a length of zero": ({"context_length": 0}, "context_length should be 3 or more, found 0"),
    "a length in words": ({"context_length": "32"}, "context_length should be 3 or more, found '32'"),
}  # fmt: skip


@pytest.mark.parametrize("what", FOREIGN)
def test_case_19_a_text_tower_s_key_is_named(what, tmp_path, capsys):
    changes, complaint = FOREIGN[what]
    transformers_folder(tmp_path, 24, "mlp", "mean_pooler")
    write_config(tmp_path, 24, {**TRANSFORMERS, **changes})
    with pytest.raises(AnatomyR1Error, match=rf"{complaint}.*Fix: "):
        open_clip_encoder(tmp_path)


CONTENTS = {
    "no JSON": ("{", "no configuration of open_clip"),
    "a list": ("[]", "should be an object, found .\\[\\]"),
    "an empty object": ("{}", "embed_dim should be int, found 'no such key'"),
    "model_cfg is a list": ('{"model_cfg": []}', "model_cfg: should be an object"),
    "a misspelt model_cfg": ('{"modelcfg": {}}', "unknown key 'modelcfg'"),
    "no text_cfg": ('{"model_cfg": {"embed_dim": 24, "vision_cfg": {}}}', "text_cfg should be dict"),
    "text_cfg is a list": ('{"embed_dim": 24, "vision_cfg": {}, "text_cfg": []}', "text_cfg should be dict"),
    "embed_dim is a word": ('{"embed_dim": "24", "vision_cfg": {}, "text_cfg": {}}', "embed_dim should be int, found"),
    "an unknown key of the images": (
        '{"embed_dim": 24, "vision_cfg": {"patchsize": 3}, "text_cfg": {}}', "unknown key 'patchsize' .* 'patch_size'"
    ),
    "sizes that do not fit": (
        '{"embed_dim": 24, "vision_cfg": {"layers": "x"}, "text_cfg": {}}', "open_clip cannot load it .TypeError"
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CONTENTS)
def test_case_19_a_configuration_that_is_none(what, tmp_path, capsys):
    content, complaint = CONTENTS[what]
    transformers_folder(tmp_path, 24, "mlp", "mean_pooler")
    (tmp_path / "open_clip_config.json").write_text(content)
    with pytest.raises(AnatomyR1Error, match=rf"{complaint}.*Fix: "):
        open_clip_encoder(tmp_path)


def test_case_05_weights_of_open_clip_that_lack_a_part(tmp_path, capsys):
    """A missing text tower, a missing layer, positions for another length, and a file cut short."""
    import open_clip
    from safetensors.torch import load_file, save_file

    torch.manual_seed(4)
    save(open_clip.CLIP(24, VISION, OWN).eval(), tmp_path)
    write_config(tmp_path, 24, OWN)
    weights = tmp_path / "open_clip_model.safetensors"
    whole, found = weights.read_bytes(), load_file(weights)
    visual = {name: value for name, value in found.items() if name.startswith("visual.")}
    lacking = {name: value for name, value in found.items() if name != "transformer.resblocks.1.mlp.c_fc.weight"}
    longer = {**found, "positional_embedding": torch.randn(20, 32)}
    for changed, complaint in [
        (visual, "Missing key"),
        (lacking, "Missing key"),
        (longer, "texts of 20 tokens"),
        ({}, "cannot"),
    ]:
        save_file(changed, weights)
        with pytest.raises(AnatomyR1Error, match=rf"{complaint}.*Fix: "):
            open_clip_encoder(tmp_path)
    weights.write_bytes(whole[:-100])
    write_set(tmp_path)
    words = ["--encoder", "open_clip", "--weights", str(tmp_path), "--data", str(tmp_path / "sgg_anatomy_mini")]
    assert main(["similarity", "make", *words, "--out", str(tmp_path / "s.json")]) == 2
    assert "not valid safetensors" in capsys.readouterr().err
