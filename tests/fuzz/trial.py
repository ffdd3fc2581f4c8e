"""A command run on a mutant, in this process: what came of it."""

import contextlib
import io
import shutil
import signal
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.fuzz.formats import Format
from tests.fuzz.mutations import Mutant, mutants

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 20
"""Seconds after which a command counts as hanging."""


@dataclass(frozen=True)
class Outcome:
    """`traceback`, `accepted` (silently, although broken), `refused` or `harmless`."""

    format: str
    what: str
    verdict: str
    detail: str = ""


class Bench:
    """The examples in a folder, built as they are needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._built = set()
        for heavy in ("torch", "trl.trainer.grpo_config", "trl.trainer.sft_config", "lm_eval.evaluator"):
            import_module(heavy)  # or the clock would stop an import halfway

    def trials(self, form: Format, rng, count: int) -> Iterator[Outcome]:
        """Run the format's command on `count` mutants; ValueError if it does not take the valid example."""
        for build in form.needs:
            if build not in self._built:
                build(self.folder)
                self._built.add(build)
        path = sorted(self.folder.glob(form.path))[0]
        sys.dont_write_bytecode = True
        valid = path.read_bytes()
        status, said, _ = self._run(form, seconds=0)
        if status != 0:
            raise ValueError(f"{form.name}: the valid example ends with {status}: {said}")
        for mutant in mutants(valid, form.kind, form.rules, rng, count):
            try:
                path.write_bytes(mutant.content)
                yield self._judged(form, mutant, self._run(form), said)
            finally:
                for leftover in path.parent.glob(f"{path.name}-*"):
                    leftover.unlink()
                path.write_bytes(valid)

    def _judged(self, form: Format, mutant: Mutant, ran: tuple, valid: str) -> Outcome:
        status, said, error = ran
        if error:
            return Outcome(form.name, mutant.what, "traceback", error)
        if status != 0:
            return Outcome(form.name, mutant.what, "refused", said)
        changed = form.rules.sealed and said != valid
        if (mutant.broken or changed) and "warning" not in said.lower():
            return Outcome(form.name, mutant.what, "accepted", said[-300:])
        return Outcome(form.name, mutant.what, "harmless")

    def _run(self, form: Format, seconds: int = LONGEST) -> tuple[int, str, str]:
        """Exit status, what was printed, and the last line of a traceback."""
        out, said = self.folder / "out", io.StringIO()
        words = [word.replace("DIR", str(self.folder)).replace("OUT", str(out)) for word in form.words.split()]
        _forget(form)
        signal.signal(signal.SIGALRM, _too_long)
        signal.alarm(seconds)
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                status = import_module(form.main).main(words)
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except BaseException as error:
            return -1, said.getvalue(), f"{_place(error)} {type(error).__name__}: {str(error)[:200]!r}"
        finally:
            signal.alarm(0)
            shutil.rmtree(out, ignore_errors=True)
            out.unlink(missing_ok=True)
        return int(status), said.getvalue(), ""


def _forget(form: Format) -> None:
    """A method file is a module: as in a fresh process, it is read anew, and not from its compiled form."""
    if form.kind == "python":
        from baselines.methods import registry

        registry._added.clear()
        sys.modules.pop(f"method_file_{Path(form.path).stem}", None)


class TooLong(BaseException):
    """The command did not end."""


def _place(error: BaseException) -> str:
    """The innermost line of this project."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(str(ROOT))]
    ours = [frame for frame in frames if "site-packages" not in frame.filename]
    return f"{Path(ours[-1].filename).relative_to(ROOT)}:{ours[-1].lineno}" if ours else "?"


def _too_long(*_: object) -> None:
    raise TooLong(f"no end within {LONGEST} seconds")
