"""The formats that commands read: for each a valid example, the command, and what breaks it beyond doubt."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz import examples
from tests.fuzz.mutations import NEVER, Rules

CLI, BASELINES, REPORTS = "anatomy_r1.cli.main", "baselines.__main__", "reports.__main__"
TASK = examples.TASK
CELL = f"store/{TASK}/mini-l/grpo/matched"


@dataclass(frozen=True)
class Format:
    """A file that a command reads. `DIR` in `words` is the folder with the example, `OUT` a fresh path."""

    name: str
    kind: str
    path: str
    """Below the folder; the first match if it is a pattern."""
    main: str
    words: str
    needs: tuple[Callable[[Path], object], ...]
    """What builds the example, in this order; shared between formats."""
    rules: Rules = field(default_factory=Rules)


OPEN = NEVER
LM_EVAL = r"(config|results)(\..*)?"
_SUBMIT = f"submit DIR/stock --data DIR --store OUT --model mini-l --method theirs --benchmark {TASK}"
_LOG = (examples.prepared, examples.log)
_STOCK = (examples.prepared, examples.stock)
_SET = (examples.prepared,)
_TRAINING = (examples.training,)
_SIMILAR = f"similarity make --data DIR/{TASK} --out OUT"
_BERT = f"{_SIMILAR} --weights DIR/medclip.safetensors --bert DIR/tower"
_TOWER = (examples.prepared, examples.encoder)
_SGG = "data prepare sgg --root DIR/world --out OUT --train 4 --test 4"
_OMNIMED = "data prepare omnimed --root DIR/world --out OUT"
_WORLD = (examples.world,)
FORMATS = (
    Format("similarity JSON", "json", "similarity.json", CLI, "similarity show DIR/similarity.json",
           (examples.similarity,), Rules(typed=r"(?!identity\b|wording).*", needed=r"encoder|names.*|matrix.*",
                                         closed=r"(?!identity).*")),
    Format("family YAML", "yaml", "family.yaml", CLI,
           f"compare DIR/store/{TASK}/mini-l/zero-shot DIR/store/{TASK}/mini-l/grpo --family DIR/family.yaml",
           (examples.store, examples.family)),
    Format("profile YAML", "yaml", "small.yaml", BASELINES, "plan --profile DIR/small.yaml --runs OUT",
           (examples.profile,), Rules(typed=r"(?!note|.*\.note|cost).*", needed=r"name|models(\.[^.]+)?|training",
                                      closed=r"(?!models$|cost|data$|released$).*")),
    Format("method file", "python", "my_method.py", BASELINES,
           "plan --profile smoke --method-file DIR/my_method.py --methods grpo-free --runs OUT",
           (examples.method_file,)),
    Format("store JSON", "json", f"{CELL}/seed0.json", CLI,
           f"compare DIR/store/{TASK}/mini-l/zero-shot DIR/store/{TASK}/mini-l/grpo", (examples.store,),
           Rules(typed=r"(?!provenance.).*", needed=r"(?!provenance).*", closed=r"(?!provenance).*")),
    Format("store JSON in a table", "json", f"{CELL}/seed0.json", REPORTS, "table1 --store DIR/store",
           (examples.store,),
           Rules(typed=r"(?!provenance.).*", needed=r"(?!provenance).*", closed=r"(?!provenance).*")),
    Format("store table", "parquet", f"{CELL}/seed0.parquet", CLI,
           f"compare DIR/store/{TASK}/mini-l/zero-shot DIR/store/{TASK}/mini-l/grpo", (examples.store,)),
    Format("prepared manifest", "json", f"{TASK}/manifest.json", CLI, f"data check DIR/{TASK}", _SET,
           Rules(typed=r"(counts|sources|inputs).*|image_root|format_version|questions_sha256",
                 needed=r"counts\.test.*|inputs.*|sources.*|image_root|format_version|questions_sha256", closed=OPEN)),
    Format("prepared questions", "parquet", f"{TASK}/questions.parquet", CLI, f"data check DIR/{TASK}", _SET,
           Rules(sealed=True)),
    Format("prepared inputs", "text", f"{TASK}/inputs.sha256", CLI, f"data check DIR/{TASK}", _SET, Rules(sealed=True)),
    Format("response log", "sqlite", "log.sqlite", CLI, "score DIR/log.sqlite --data DIR", _LOG,
           Rules(sealed=True, needed=r"responses.*|runs.*")),
    Format("lm-eval results", "json", "stock/**/results_*.json", CLI, _SUBMIT, _STOCK,
           Rules(typed=rf"results\.{TASK}\.(?!alias|name|sample_len)[^.]*|configs\.{TASK}\.(repeats|metadata)",
                 closed=OPEN, needed=rf"results|configs|configs\.{TASK}(\.(repeats|metadata))?")),
    Format("lm-eval samples", "jsonl", "stock/**/samples_*.jsonl", CLI, _SUBMIT, _STOCK,
           Rules(typed=r"doc_id|doc|doc\.(id|image|options)|resps(\[\])*|doc_hash", closed=OPEN,
                 needed=r"doc|doc\.id|resps|arguments")),
    Format("OmniMedVQA JSON", "json", "world/OmniMedVQA/QA_information/Open-access/*.json", CLI, _OMNIMED, _WORLD,
           Rules(typed=r"\[\](\.(question_id|question|gt_answer|image_path|modality_type))?",
                 needed=r"\[\]\.(question|gt_answer|image_path|modality_type)", closed=OPEN,
                 paths=r"\[\]\.image_path")),
    Format("SSG-VQA questions", "text", "world/SSG-VQA/qa_txt/*/*.txt", CLI, _SGG, _WORLD),
    Format("SSG-VQA scene graph", "json", "world/SSG-VQA/scene_graph/*.json", CLI, _SGG, _WORLD,
           Rules(typed=r"scenes|scenes\[\](\.objects(\[\](\.(component|type|location))?)?|\.relationships(\..*)?)?",
                 needed=r"scenes|scenes\[\]\.objects(\[\]\.(component|type|location))?", closed=OPEN)),
    Format("SSG-VQA splits", "json", "world/SSG-VQA/splits.json", CLI, f"{_SGG} --split file", _WORLD,
           Rules(closed=OPEN, needed=r"train|test")),
    Format("released JSON", "json", "GRPO.json", CLI, "data controls DIR/GRPO.json", _WORLD,
           Rules(typed=r"\[\](\.(instruction|sft_prompt|solution|answer|images))?", closed=OPEN, paths=r"\[\]\.images",
                 needed=r"\[\]\.(instruction|sft_prompt|solution|answer|images)")),
    Format("released JSON as a set", "json", "GRPO.json", CLI,
           "data prepare released DIR/GRPO.json --frames DIR/world/CholecT45/data --out OUT", _WORLD,
           Rules(typed=r"\[\](\.(instruction|sft_prompt|solution|answer|images))?", closed=OPEN, paths=r"\[\]\.images",
                 needed=r"\[\]\.(instruction|sft_prompt|solution|answer|images)")),
    Format("Med-R1 split", "json", "micro_train.json", CLI, "data controls DIR/micro_train.json", (examples.med_r1,),
           Rules(typed=r"\[\](\.(problem|solution|image))?", needed=r"\[\]\.(problem|solution|image)", closed=OPEN)),
    Format("training log", "sqlite", f"train/{TASK}/mini-l/grpo/seed0/training_log.sqlite", CLI,
           f"certify DIR/train/{TASK}/mini-l/grpo/seed0", _TRAINING,
           Rules(typed=r"rollouts\.(step|group_index|member|advantage|tokens|rewards|draw|kept)|steps\.(step|rollout_tokens)",
                 needed=r"rollouts(\.(step|group_index|member|advantage|tokens|rewards|draw|kept))?|steps(\.step)?")),
    Format("training record", "json", f"train/{TASK}/mini-l/grpo/seed0/training.json", CLI,
           f"certify DIR/train/{TASK}/mini-l/grpo/seed0", _TRAINING,
           Rules(typed=r"plan|plan\.arguments|plan\.arguments\.(num_generations|max_steps)|spent(\.(steps|rollout_tokens))?",
                 needed=r"plan|plan\.arguments|plan\.arguments\.max_steps|spent", closed=OPEN)),
    Format("recorded batch", "bytes", f"train/{TASK}/mini-l/grpo/seed0/batches/000001.safetensors", CLI,
           f"certify DIR/train/{TASK}/mini-l/grpo/seed0", _TRAINING),
    Format("curves JSON", "json", f"curves/{TASK}/mini-l/grpo/seed0.json", "tests.fuzz.formats",
           "load_curves DIR/curves", (examples.training, examples.curves),
           Rules(typed=r"(?!samples\[\]\.choices\[\]).*")),
    Format("curves table", "parquet", f"curves/{TASK}/mini-l/grpo/seed0.parquet", "tests.fuzz.formats",
           "load_curves DIR/curves", (examples.training, examples.curves)),
    Format("curves seconds", "csv", f"curves/{TASK}/mini-l/grpo/seed0.seconds.csv", "tests.fuzz.formats",
           "load_curves DIR/curves", (examples.training, examples.curves)),
    Format("figure statements", "csv", "figure_statements.csv", REPORTS,
           "ledger --store DIR/store --curves DIR/figure_statements.csv", (examples.store, examples.statements)),
    Format("audit JSON", "json", "audit.json", REPORTS, "ledger --store DIR/store --audit DIR/audit.json",
           (examples.store, examples.audit), Rules(typed=r"checks.*", needed=r"checks.*", closed=r"checks\[\]")),
    Format("open_clip configuration", "json", "tower/open_clip_config.json", CLI,
           f"{_SIMILAR} --encoder open_clip --weights DIR/tower", _TOWER,
           Rules(typed=r"model_cfg(\.(embed_dim|vision_cfg|text_cfg|text_cfg\.(context_length|hf_pooler_type)))?",
                 needed=r"model_cfg(\.(embed_dim|vision_cfg|text_cfg))?",
                 closed=r"model_cfg(\.(text_cfg|vision_cfg))?")),
    Format("BERT configuration", "json", "tower/config.json", CLI, _BERT, _TOWER,
           Rules(typed=r"(?!architectures).*", needed=r"model_type|hidden_size|vocab_size", closed=OPEN)),
    Format("BERT vocabulary", "text", "tower/vocab.txt", CLI, _BERT, _TOWER),
    Format("encoder weights", "bytes", "medclip.safetensors", CLI, _BERT, _TOWER),
)  # fmt: skip


def main(words: list[str]) -> int:
    """Reads curves as `python -m reports figures` does, without its seconds of drawing."""
    import sys

    from anatomy_r1.errors import AnatomyR1Error
    from anatomy_r1.training.curves import load_curves

    try:
        print(load_curves(Path(words[1])))
    except AnatomyR1Error as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0
