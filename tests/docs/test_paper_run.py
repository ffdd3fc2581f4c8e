"""The commands of the pages about GPUs are those of the programs that they name.

They need GPUs, data and days; here each is parsed by the program's own parser, and tox's environments are looked up.
"""

import re
import shlex
from configparser import ConfigParser
from itertools import pairwise
from pathlib import Path
from unittest import mock

import pytest

from anatomy_r1.cli.main import _parser as core_parser
from baselines.__main__ import _parser as baselines_parser

ROOT = Path(__file__).parents[2]
PAGES = ("paper-run", "determinism", "newer-models", "gpu-bench")
NOT_PARSED = {"git", "cd", "python3.11", "pip", "export", "."}
"""What an installation takes, and the shell's own."""


def commands(page):
    """Every command of the page's shell blocks, without comments; continued lines as one."""
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            command = re.split(r"\s+#", line)[0].strip()
            if "srun" in block:  # one command over several lines, within quotes
                command = command.rstrip('"') if command.startswith("python -m") else ""
            yield from filter(None, map(str.strip, command.split(" && ")))


FOUND = [(page, command) for page in PAGES for command in commands(page)]


@pytest.mark.parametrize(("page", "command"), FOUND, ids=[f"{page}: {command}" for page, command in FOUND])
def test_a_command_is_one_of_its_program_s(page, command):
    words = shlex.split(command.replace("$ANATOMY_R1_DATA_ROOT", "/data"))
    if words[0] in NOT_PARSED:
        return
    if words[:3] == ["python", "-m", "baselines"]:
        baselines_parser().parse_args(words[3:])
    elif words[0] == "tox":
        _check_tox(words[1:])
    elif words[0] == "hf":
        _check_hf(words[1:])
    else:
        assert words[0] == "anatomy-r1", f"{page}: {command}"
        core_parser().parse_args(words[1:])


def _check_tox(words):
    """The environment exists; what follows `--` is of the command that it runs."""
    tox = ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    environment = tox[f"testenv:{words[words.index('-e') + 1]}"]
    given = words[words.index("--") + 1 :] if "--" in words else []
    assert not given or "{posargs}" in environment["commands"]
    name = re.search(r"python -m baselines (\S+)|scripts/reproduce\.py", environment["commands"])
    if name:
        baselines_parser().parse_args([name[1] or "run", *given])


def _check_hf(words):
    """Nothing is fetched: what would be is a whole repository, or every pattern that the command names."""
    import huggingface_hub.cli.download as download
    from huggingface_hub.cli.hf import app

    one_file = mock.patch.object(download, "hf_hub_download", side_effect=AssertionError("one file, and no pattern"))
    with mock.patch.object(download, "snapshot_download", return_value="x") as fetched, one_file:
        app.main(args=words, standalone_mode=False)
    patterns = [word for before, word in pairwise(words) if before == "--include"]
    assert (fetched.call_args.kwargs["allow_patterns"] or []) == patterns
