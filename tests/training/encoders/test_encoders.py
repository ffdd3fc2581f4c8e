"""Text towers from random weights in the real file layouts, each against a computation of its own."""

import json
import re
import shutil

import numpy as np
import pytest
import torch

from anatomy_r1.cli.main import main
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.encoders import TextEncoder, convert, medclip, write_similarities
from anatomy_r1.training.open_clip_tower import open_clip_encoder
from anatomy_r1.training.similarity import read_similarity
from tests.helpers.small_set import SIX, write_set

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "abdominal", "wall", "cavity", "cystic", "plate", "gall",
         "##bladder", "gut", "liver", "omentum", "a", "photo", "of", "the"]  # fmt: skip
WIDTH, LAYERS = 32, 4
SHAPE = {
    "vocab_size": len(WORDS), "hidden_size": WIDTH, "num_hidden_layers": LAYERS, "num_attention_heads": 4,
    "intermediate_size": 48, "max_position_embeddings": 300,
}  # fmt: skip


def bert_folder(folder):
    """Configuration and tokenizer as Bio_ClinicalBERT's repository has them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"], **SHAPE}))
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )
    return folder


def bert():
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    model = BertModel(BertConfig(**SHAPE)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.3)
    return model


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """MedCLIP's checkpoint as it is given away: both towers and a temperature in one file of PyTorch's."""
    folder = tmp_path_factory.mktemp("medclip")
    model = bert()
    state = {f"text_model.model.{name}": value for name, value in model.state_dict().items()}
    state["text_model.model.embeddings.position_ids"] = torch.arange(300)[None]
    state["text_model.projection_head.weight"] = torch.randn(512, WIDTH)
    state["vision_model.model.patch.weight"] = torch.randn(3, 3)
    state["logit_scale_init_value"] = torch.tensor(0.07).log()
    torch.save(state, folder / "pytorch_model.bin")
    bert_folder(folder / "bert")
    convert(folder / "pytorch_model.bin", folder / "model.safetensors")
    return folder, state


def by_hand(state, tokens):
    """BERT's forward pass in numpy and float64, from the tensors alone."""
    weights = {name.removeprefix("text_model.model."): np.asarray(value, dtype=float) for name, value in state.items()}

    def linear(name, x):
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(name, x):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def gelu(x):
        return x * 0.5 * (1 + np.vectorize(__import__("math").erf)(x / np.sqrt(2)))

    parts = [weights["embeddings.word_embeddings.weight"][tokens]]
    parts += [weights["embeddings.position_embeddings.weight"][: len(tokens)]]
    parts += [weights["embeddings.token_type_embeddings.weight"][[0] * len(tokens)]]
    states = [norm("embeddings.LayerNorm", sum(parts))]
    for number in range(LAYERS):
        at, x = f"encoder.layer.{number}", states[-1]
        query, key, value = (
            linear(f"{at}.attention.self.{kind}", x).reshape(len(tokens), 4, -1).swapaxes(0, 1)
            for kind in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) / np.sqrt(query.shape[-1])
        mixed = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = (mixed / mixed.sum(-1, keepdims=True)) @ value
        mixed = mixed.swapaxes(0, 1).reshape(len(tokens), -1)
        x = norm(f"{at}.attention.output.LayerNorm", linear(f"{at}.attention.output.dense", mixed) + x)
        inner = gelu(linear(f"{at}.intermediate.dense", x))
        states.append(norm(f"{at}.output.LayerNorm", linear(f"{at}.output.dense", inner) + x))
    mean = np.mean([states[place].mean(0) for place in (1, 2, LAYERS)], axis=0)
    vector = np.asarray(state["text_model.projection_head.weight"], dtype=float) @ mean
    return vector / np.linalg.norm(vector)


def test_medclip_s_vector_equals_one_computed_by_hand(released):
    folder, state = released
    encoder = medclip(folder / "model.safetensors", folder / "bert")
    tokens = [WORDS.index(word) for word in ("[CLS]", "cystic", "plate", "[SEP]")]
    found = np.asarray(encoder.encode("Cystic Plate"))
    assert found.shape == (512,)
    np.testing.assert_allclose(found, by_hand(state, tokens), atol=2e-6)
    assert abs(found @ encoder.encode("Gut")) < 0.999, "vectors that are all alike show nothing"


def test_a_long_text_is_cut_at_77_tokens(released):
    folder, _ = released
    encoder = medclip(folder / "model.safetensors", folder / "bert")
    assert encoder.encode("liver " * 75) == encoder.encode("liver " * 90)
    assert encoder.encode("liver " * 74) != encoder.encode("liver " * 75)


BROKEN = {
    "a layer is missing": ("text_model.model.encoder.layer.1.output.dense.weight", None, "Missing key"),
    "a tensor too many": ("text_model.model.encoder.layer.9.output.dense.weight", torch.zeros(2, 2), "Unexpected key"),
    "another width": ("text_model.model.embeddings.word_embeddings.weight", torch.zeros(3, WIDTH), "size mismatch"),
    "no projection": ("text_model.projection_head.weight", None, "projection_head"),
    "a projection of another width": ("text_model.projection_head.weight", torch.zeros(512, 7), "projection_head"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_another_checkpoint_is_refused(released, tmp_path, what):
    from safetensors.torch import save_file

    folder, state = released
    name, value, complaint = BROKEN[what]
    changed = {**state, name: value} if value is not None else {k: v for k, v in state.items() if k != name}
    save_file({k: v.contiguous().clone() for k, v in changed.items()}, tmp_path / "model.safetensors")
    with pytest.raises(AnatomyR1Error, match=complaint):
        medclip(tmp_path / "model.safetensors", folder / "bert")


class Hostile:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


def test_a_pickle_is_never_run_and_never_loaded(released, tmp_path):
    folder, _ = released
    torch.save({"text_model": Hostile(tmp_path / "ran")}, tmp_path / "evil.bin")
    with pytest.raises(AnatomyR1Error, match="not a file of tensors only"):
        convert(tmp_path / "evil.bin", tmp_path / "out.safetensors")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "out.safetensors").exists()
    with pytest.raises(AnatomyR1Error, match=r"not a .safetensors file. Fix: `anatomy-r1 similarity convert"):
        medclip(folder / "pytorch_model.bin", folder / "bert")


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory):
    """An open_clip folder whose text tower is transformers', as BiomedCLIP's is (mean of tokens' first, projection)."""
    import open_clip
    from safetensors.torch import save_file

    folder = bert_folder(tmp_path_factory.mktemp("openclip"))
    text = {
        "hf_model_name": str(folder), "hf_model_pretrained": False, "hf_tokenizer_name": "hub/name",
        "hf_proj_type": "mlp", "hf_pooler_type": "cls_last_hidden_state_pooler", "context_length": 256,
    }  # fmt: skip
    vision = {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16}
    config = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": {**text, "hf_model_name": "hub/name"}}
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": {}}))
    torch.manual_seed(1)
    model = open_clip.CustomTextCLIP(24, vision, text).eval()
    with torch.no_grad():
        for weight in model.text.parameters():
            if weight.dim() > 1:
                weight.normal_(0, 0.3)
    save_file({name: value.contiguous().clone() for name, value in model.state_dict().items()},
              folder / "open_clip_model.safetensors")  # fmt: skip
    return folder, model


def test_open_clip_s_vector_equals_one_computed_by_hand(clip_folder):
    """First token of the last hidden state, two linear layers with a GELU between, length one."""
    folder, model = clip_folder
    encoder = open_clip_encoder(folder)
    tokens = [WORDS.index(word) for word in ("[CLS]", "gall", "##bladder", "[SEP]")]
    with torch.inference_mode():
        state = model.text.transformer(input_ids=torch.tensor([tokens])).last_hidden_state[0, 0].double()
        first, _, second = model.text.proj
        inner = torch.nn.functional.gelu(state @ first.weight.double().T)
        vector = inner @ second.weight.double().T
    np.testing.assert_allclose(encoder.encode("Gallbladder"), (vector / vector.norm()).numpy(), atol=1e-6)


def test_open_clip_never_falls_back_to_a_pickle(clip_folder, tmp_path):
    folder, _ = clip_folder
    for path in folder.iterdir():
        if path.suffix != ".safetensors":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    torch.save({"x": Hostile(tmp_path / "ran")}, tmp_path / "open_clip_pytorch_model.bin")
    with pytest.raises(AnatomyR1Error, match=r"Fix: anatomy-r1 similarity convert"):
        open_clip_encoder(tmp_path)
    assert not (tmp_path / "ran").exists()


def test_each_text_is_encoded_by_itself_once_and_the_wording_is_written_down(tmp_path):
    asked = []

    def encode(text):
        asked.append(text)
        return [len(text), 1.0]

    encoder = TextEncoder("lengths", {"weights": "0" * 16}, encode)
    write_similarities(encoder, ["ab", "abcd", "ab"], tmp_path / "s.json", "a {}.")
    assert asked == ["a ab.", "a abcd."]
    found = read_similarity(tmp_path / "s.json")
    assert found.between("ab", "abcd") == pytest.approx((5 * 7 + 1) / np.sqrt(26 * 50), abs=1e-7)
    assert found.encoder == "lengths weights 0000000000000000, wording 'a {}.'"
    assert json.loads((tmp_path / "s.json").read_text())["identity"] == {"weights": "0" * 16}
    with pytest.raises(AnatomyR1Error, match=r"needs one \{\}"):
        write_similarities(TextEncoder("x", {}, encode), ["a"], tmp_path / "t.json", "no place")


def test_the_command_makes_a_file_that_the_curriculum_takes(released, clip_folder, tmp_path, capsys):
    folder, _ = released
    write_set(tmp_path)
    data, out = str(tmp_path / "sgg_anatomy_mini"), str(tmp_path / "s.json")
    words = ["--weights", str(folder / "model.safetensors"), "--bert", str(folder / "bert")]
    assert main(["similarity", "make", *words, "--data", data, "--out", out]) == 0
    assert set(read_similarity(tmp_path / "s.json").names) == set(SIX)
    assert main(["similarity", "show", out]) == 0
    assert "Abdominal Wall Cavity   1.000" in capsys.readouterr().out
    other = ["--encoder", "open_clip", "--weights", str(clip_folder[0]), "--data", data, "--out", out]
    assert main(["similarity", "make", *other]) == 0
    assert read_similarity(tmp_path / "s.json").encoder.startswith("open_clip")


BROKEN_TOKENIZERS = {
    "no vocabulary": ({"vocab.txt": None}, r"vocab\.txt or tokenizer\.json .*is missing"),
    "nothing of the tokenizer": ({"vocab.txt": None, "tokenizer_config.json": None}, r"vocab\.txt .*is missing"),
    "the vocabulary of another kind": (
        {"vocab.txt": None, "vocab.json": '{"a": 0}', "merges.txt": "#"}, r"vocab\.txt: missing"
    ),
    "an empty vocabulary": ({"vocab.txt": ""}, r"vocab\.txt: empty"),
    "a blank vocabulary": ({"vocab.txt": " \n\n"}, r"vocab\.txt: empty"),
    "an empty tokenizer.json": ({"tokenizer.json": ""}, r"tokenizer\.json: empty"),
    "a damaged tokenizer.json": ({"tokenizer.json": '{"model": {'}, r"no tokenizer can be read from .*tokenizer\.json"),
    "a vocabulary that is no text": ({"vocab.txt": "\udcff\udcfe"}, r"no tokenizer can be read from .*vocab\.txt"),
    "a vocabulary cut short": ({"vocab.txt": "\n".join(WORDS[:15])}, "knows 15 tokens, but the text tower has 19"),
    "a vocabulary that is too long": ({"vocab.txt": "\n".join([*WORDS, "more"])}, "knows 20 tokens, but .* has 19"),
    "another vocabulary": (
        {"vocab.txt": "\n".join([*WORDS[:5], *(f"word{i}" for i in range(14))])},
        "knows nothing of 'Abdominal Wall Cavity', 'Cystic Plate', 'Gallbladder' ... .6 of 6 options",
    ),
    "one option unknown": (
        {"vocab.txt": "\n".join(["x" if w == "gut" else w for w in WORDS])}, "nothing of 'Gut' .1 of 6"
    ),
    "a damaged configuration": ({"config.json": "{"}, r"config\.json"),
    "a configuration that is no object": ({"config.json": "[1]"}, "no tokenizer can be read"),
    "too few layers": (
        {"config.json": json.dumps({"model_type": "bert", **SHAPE, "num_hidden_layers": 1})}, "num_hidden_layers 1"
    ),
    "too few positions": (
        {"config.json": json.dumps({"model_type": "bert", **SHAPE, "max_position_embeddings": 40})}, "embeddings 40"
    ),
    "another tower": ({"config.json": json.dumps({"model_type": "roberta", **SHAPE})}, "of a 'roberta'"),
    "heads that do not divide": (
        {"config.json": json.dumps({"model_type": "bert", **SHAPE, "num_attention_heads": 5})}, "not MedCLIP's text"
    ),
}  # fmt: skip


def changed_copy(source, target, changes):
    """A copy of a folder with some files removed (None) or replaced."""
    shutil.copytree(source, target)
    for name, text in changes.items():
        if text is None:
            (target / name).unlink()
        else:
            (target / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    return target


def refused(words, tmp_path, capsys):
    """The one line that `similarity make` ends in; nothing is written."""
    write_set(tmp_path)
    data, out = str(tmp_path / "sgg_anatomy_mini"), tmp_path / "s.json"
    assert main(["similarity", "make", *map(str, words), "--data", data, "--out", str(out)]) == 2
    assert not out.exists()
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert "Fix: " in error
    return error


@pytest.mark.parametrize("what", BROKEN_TOKENIZERS)
def test_case_05_a_tokenizer_that_does_not_read_the_options(what, released, tmp_path, capsys):
    folder, _ = released
    changes, complaint = BROKEN_TOKENIZERS[what]
    bert_copy = changed_copy(folder / "bert", tmp_path / "bert", changes)
    error = refused(["--weights", folder / "model.safetensors", "--bert", bert_copy], tmp_path, capsys)
    assert re.search(complaint, error), error


def test_case_05_two_options_of_one_token_sequence_are_named(tmp_path):
    ids = {"Liver": (7,), "Gut": (8,), "Omentum": (7,)}
    encoder = TextEncoder("one for all", {}, lambda text: [1.0, len(text)], lambda text: ids[text])
    with pytest.raises(AnatomyR1Error, match="one for all: its tokenizer reads 'Liver' and 'Omentum' alike"):
        write_similarities(encoder, list(ids), tmp_path / "s.json")
    assert not (tmp_path / "s.json").exists()


@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        ({"Liver": [1, 0], "Gut": [0, 0]}, "'Gut' has a zero vector"),
        ({"Liver": [1, 0], "Gut": [float("nan"), 0]}, "'Gut' has a vector that is not finite"),
        ({"Liver": [1, 0], "Gut": [2, 0]}, "'Liver' and 'Gut' have similarity 1.000"),
        ({"Liver": [1, 0, 0], "Gut": [0, 1, 0], "Omentum": [0, 0, 1]}, "all 3 pairs have similarity 0.000"),
    ],
)
def test_case_05_vectors_that_do_not_tell_the_options_apart(vectors, complaint, tmp_path):
    with pytest.raises(AnatomyR1Error, match=complaint):
        write_similarities(TextEncoder("x", {}, vectors.__getitem__), list(vectors), tmp_path / "s.json")
    assert not (tmp_path / "s.json").exists()


def test_case_05_a_word_that_is_unknown_beside_known_ones_is_warned_of(released, tmp_path, capsys):
    folder, _ = released
    vocabulary = "\n".join("x" if word == "wall" else word for word in WORDS)
    bert_copy = changed_copy(folder / "bert", tmp_path / "bert", {"vocab.txt": vocabulary})
    write_set(tmp_path)
    words = ["--weights", folder / "model.safetensors", "--bert", bert_copy, "--data", tmp_path / "sgg_anatomy_mini"]
    assert main(["similarity", "make", *map(str, words), "--out", str(tmp_path / "s.json")]) == 0
    assert "warning: 1 of 6 options have words that the tokenizer does not know" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("tensors", "complaint"),
    [
        (
            {"vision_model.x": torch.zeros(2)},
            "no tensor begins with text_model.model. .found vision_model.x",
        ),
        ({"embeddings.word_embeddings.weight": torch.zeros(19, 32)}, "no text tower"),
        ({}, "no text tower.*no tensors at all"),
        (None, "not valid safetensors"),
    ],
)
def test_case_05_weights_without_the_text_tower(tensors, complaint, released, tmp_path, capsys):
    from safetensors.torch import save_file

    folder, _ = released
    weights = tmp_path / "model.safetensors"
    if tensors is None:
        weights.write_bytes((folder / "model.safetensors").read_bytes()[:-1000])
    else:
        save_file(tensors, weights)
    error = refused(["--weights", weights, "--bert", folder / "bert"], tmp_path, capsys)
    assert re.search(complaint, error), error


def test_case_05_an_open_clip_folder_without_its_vocabulary(clip_folder, tmp_path, capsys):
    for name, changes, complaint in [
        ("lost", {"vocab.txt": None}, "vocab.txt or tokenizer.json"),
        ("empty", {"vocab.txt": ""}, "vocab.txt: empty"),
        ("cut", {"vocab.txt": "\n".join(WORDS[:12])}, "knows 12 tokens, but the text tower has 19"),
        ("other", {"vocab.txt": "\n".join([*WORDS[:5], *(f"w{i}" for i in range(14))])}, "knows nothing of"),
    ]:
        folder = changed_copy(clip_folder[0], tmp_path / name, changes)
        (tmp_path / f"{name}-set").mkdir()
        words = ["--encoder", "open_clip", "--weights", folder]
        assert complaint in refused(words, tmp_path / f"{name}-set", capsys)
