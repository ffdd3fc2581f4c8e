r"""The engines as models of lm-eval's own command: `--model anatomy-transformers`, `anatomy-vllm`, `anatomy-server`.

lm-eval 0.4.13 knows its own models and those of modules that were imported before; it looks for no entry points. So
this module is a command: it registers the three, then runs lm-eval's. Later releases find them by the entry points of
`pyproject.toml` (group `lm_eval.models`), and need only `lm-eval`.

Example:
    python -m anatomy_r1.evaluation.engines.lm_eval_models run --model anatomy-transformers \
        --model_args pretrained=MODEL,log=log.sqlite --tasks sgg_anatomy --apply_chat_template \
        --metadata data=prepared --include_path tasks
"""

from __future__ import annotations

from collections.abc import Mapping
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.config import ENGINES
from anatomy_r1.response_log.log import ResponseLog

LM_EVAL_NAMES = {f"anatomy-{name}": path for name, path in ENGINES.items()}
"""Name for lm-eval -> path of the class."""
_OURS = ("batch_size", "device")
"""What lm-eval adds to the arguments of a model, and an engine may take."""
_DEFAULT_DEVICE = "cuda:0"
"""lm-eval's own when no --device is given, also where there is no GPU; an engine then chooses."""


def register() -> None:
    """Add the engines to lm-eval's registry by name, without importing what they need."""
    import lm_eval.models  # noqa: F401  (lm-eval adds its own only to an empty registry)
    from lm_eval.api.registry import model_registry

    for name, path in LM_EVAL_NAMES.items():
        if name not in model_registry:
            model_registry.register(name, target=path)


def arguments_of(engine: type, stated: Mapping[str, Any], added: Mapping[str, Any] | None) -> dict[str, Any]:
    """Arguments of an engine from those of lm-eval's command: `log` is opened, and what lm-eval adds may be ignored.

    `stated` are those of `--model_args`, `added` those of lm-eval itself, such as its batch size. lm-eval asks for no
    plan, so that such a log holds responses alone: it resumes a run, and `anatomy-r1 submit` reads lm-eval's output.

    Raises:
        AnatomyR1Error: `log` is missing, or an argument is unknown.
    """
    known = signature(engine).parameters
    open_ended = any(parameter.kind is Parameter.VAR_KEYWORD for parameter in known.values())
    model = next(iter(known))
    if model not in stated or not stated.get("log"):
        fix = f"Fix: --model_args {model}=MODEL,log=log.sqlite"
        raise AnatomyR1Error(f"{engine.__name__}: needs a model, and a log to write its responses to. {fix}")
    if (foreign := sorted(set(stated) - set(known))) and not open_ended:
        raise AnatomyR1Error(f"--model_args {foreign[0]}: unknown. Fix: one of {', '.join(known)}")
    usable = {name: (added or {}).get(name) for name in _OURS if name in known}
    if usable.get("device") == _DEFAULT_DEVICE:
        del usable["device"]
    arguments = {**{name: value for name, value in usable.items() if value is not None}, **stated}
    if isinstance(batch := arguments.get("batch_size"), str):
        arguments["batch_size"] = _whole(batch)
    log = arguments["log"]
    return {**arguments, "log": log if isinstance(log, ResponseLog) else ResponseLog(Path(str(log)))}


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        raise AnatomyR1Error(f"--batch_size {text}: no whole number. Fix: --batch_size 16") from error


def main() -> None:
    """lm-eval's command, with the engines among its models."""
    from lm_eval.__main__ import cli_evaluate

    register()
    cli_evaluate()


if __name__ == "__main__":
    main()
