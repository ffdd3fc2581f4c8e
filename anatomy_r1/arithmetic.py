"""Portable arithmetic: the same bytes from the same seeds on every x86-64 machine with AVX2.

By default PyTorch, MKL, oneDNN and numpy choose their kernels by the processor, and the last bits of a result differ
between machines; a small network trained from scratch then ends up elsewhere. Portable mode fixes that choice, in two
parts. `ENVIRONMENT` must stand before Python starts, since the libraries read it when they are loaded: a command calls
`restart_portable`, which replaces its process. `use_portable` then sets the rest inside the process.

`fingerprint` hashes a small fixed training (`micro_training.py`). `EXPECTED` is its value in portable mode with the
versions of `constraints.txt`; a machine with another value (64-bit Arm, no AVX2) computes other numbers.
`python -m anatomy_r1.arithmetic --portable` prints it. docs/portable.md says what is promised, and what it costs.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NoReturn

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.micro_training import parts

Mode = Literal["native", "portable"]
MODES: tuple[Mode, ...] = ("native", "portable")
OPTIMISER = "adamw_torch_fused"
"""The trainers' optimiser in portable mode, by transformers' name: its square root is not MKL's."""
AVX512 = "AVX512F AVX512CD AVX512_KNL AVX512_KNM AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX512_SPR"
"""The features that numpy 2.3 dispatches on above AVX2."""
ORDER = {
    "PYTHONHASHSEED": "0",  # the order of sets
    "OMP_NUM_THREADS": "1",  # the order of sums, here and below
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",  # all of it is about CPUs
}
KERNELS = {
    "MKL_CBWR": "COMPATIBLE",  # MKL ignores AVX2, the faster choice, on processors that are not Intel's
    "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch's own kernels, and its random numbers
    "NPY_DISABLE_CPU_FEATURES": AVX512,
    "OPENBLAS_CORETYPE": "Haswell",  # numpy's matrix products
}
"""Set only where the processor has AVX2: PyTorch would run these kernels without asking it."""
ENVIRONMENT = {**ORDER, **KERNELS}
EXPECTED = "69405429e18134a4"
"""Fingerprint in portable mode: the same on an AMD EPYC with AVX-512 and on emulated others (docs/portable.md)."""

_RESTARTED = "ANATOMY_R1_RESTARTED"
_overrides: list[Any] = []
"""The library of `_replace_square_root`, which ends with its object; empty in native mode."""


def has_avx2(info: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this is an x86-64 processor with AVX2 and FMA; True for any x86-64 one where no flags are listed."""
    if platform.machine() not in ("x86_64", "AMD64"):
        return False
    if not info.is_file():
        return True
    flags = next((line for line in info.read_text().splitlines() if line.startswith("flags")), "")
    return {"avx2", "fma"} <= set(flags.split())


def environment() -> dict[str, str]:
    """The variables of portable mode on this machine: without AVX2, only those that order sums and sets."""
    return dict(ENVIRONMENT if has_avx2() else ORDER)


def started_with(own: Path = Path("/proc/self/environ")) -> Mapping[str, str]:
    """The environment that this process (or the one it was forked from) started with; elsewhere than on Linux today's.

    What Python sets later in `os.environ` comes too late for libraries that are loaded already.
    """
    if not own.is_file():
        return os.environ
    entries = (entry.partition("=") for entry in own.read_bytes().decode(errors="replace").split("\0"))
    return {name: value for name, equals, value in entries if equals}


def missing_variables() -> dict[str, str]:
    """The variables of portable mode that this process was not started with, with the values they should have."""
    found = started_with()
    return {name: value for name, value in environment().items() if found.get(name) != value}


def restart_portable(module: str, words: Sequence[str]) -> None:
    """Replace this process by `python -m MODULE WORDS` in the environment of portable mode, unless it stands already.

    Raises:
        AnatomyR1Error: The process was replaced once, and the environment still does not stand.
    """
    again = os.environ.pop(_RESTARTED, "")  # what this process starts may have to restart itself, too
    missing = missing_variables()
    if not missing:
        return
    if again:
        _refuse(f"these variables do not reach Python: {', '.join(sorted(missing))}")
    sys.stdout.flush()
    sys.stderr.flush()
    restarted = {**os.environ, **environment(), _RESTARTED: "1"}
    os.execve(sys.executable, [sys.executable, "-m", module, *words], restarted)


def use_portable() -> None:
    """Set what portable mode sets inside the process; a second call changes nothing.

    Raises:
        AnatomyR1Error: The environment did not stand before Python started, or a library does not follow it.
    """
    if _overrides:
        return
    if missing := missing_variables():
        _refuse(f"this process started without {' '.join(f'{n}={v!r}' for n, v in sorted(missing.items()))}")
    import torch

    torch.set_num_threads(1)
    torch.backends.mkldnn.enabled = False  # type: ignore[assignment]  # oneDNN chooses kernels by processor
    if has_avx2():
        _check_libraries()
    _replace_square_root()


def _check_libraries() -> None:
    import torch

    features = import_module("numpy._core._multiarray_umath").__cpu_features__
    found = torch.backends.cpu.get_cpu_capability()
    if found != "AVX2":
        _refuse(f"PyTorch runs its {found} kernels, not those for AVX2")
    if wide := sorted(name for name in AVX512.split() if features.get(name)):
        _refuse(f"numpy uses {', '.join(wide)}")


def _refuse(reason: str) -> NoReturn:
    fix = "start the command with --arithmetic portable, or set these variables before Python (docs/portable.md)"
    raise AnatomyR1Error(f"portable arithmetic: {reason}. Fix: {fix}")


def _replace_square_root() -> None:
    """Compute PyTorch's square roots as 1 / (1 / sqrt(x)), by true divisions and roots, which are equal everywhere.

    `torch.sqrt` calls MKL's vector functions, which approximate by instructions that differ between processors.
    0, infinity and negative numbers give what they should. Gradients follow, since autograd is above the kernel.
    """
    import torch

    library: Any = torch.library.Library("aten", "IMPL")  # type: ignore[no-untyped-call]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # replacing a kernel is the intention
        library.impl("sqrt", _root, "CPU")
        library.impl("sqrt_", _root_, "CPU")
        library.impl("sqrt.out", _root_out, "CPU")
        library.impl("_foreach_sqrt", lambda every: [_root(x) for x in every], "CPU")
        library.impl("_foreach_sqrt_", _roots_, "CPU")
    _overrides.append(library)


def _root(x: Any) -> Any:
    return x.rsqrt().reciprocal()


def _root_(x: Any) -> Any:
    return x.copy_(_root(x))


def _root_out(x: Any, *, out: Any) -> Any:
    return out.resize_(x.shape).copy_(_root(x))


def _roots_(every: Sequence[Any]) -> None:
    for x in every:
        _root_(x)


def mode() -> Mode:
    """The arithmetic of this process."""
    return "portable" if _overrides else "native"


def record() -> dict[str, Any]:
    """The arithmetic of this process, for provenance; `expected` says whether portable numbers are the promised ones.

    Native arithmetic has no fingerprint: its numbers depend on the processor, which is recorded anyway.
    """
    if mode() == "native":
        return {"mode": "native"}
    found = fingerprint()
    return {"mode": "portable", "fingerprint": found, "expected": found == EXPECTED}


def machine_note() -> str:
    """What to tell before a portable run starts: "" if this machine computes the promised numbers."""
    found = fingerprint()
    if found == EXPECTED:
        return ""
    processor = f"{platform.machine()}{'' if has_avx2() else ' without AVX2'}"
    return (
        f"portable arithmetic: this machine's fingerprint is {found}, not {EXPECTED}. Its numbers will differ from "
        f"those of other machines, and its results say so. Either the processor ({processor}) or the versions of "
        "PyTorch and numpy are others than those of docs/portable.md"
    )


@cache
def fingerprint() -> str:
    """16 hex digits of a fixed micro-training, in the arithmetic of this process; leaves random states as they are."""
    return hashlib.sha256("".join(parts().values()).encode()).hexdigest()[:16]


def main(words: Sequence[str]) -> int:
    """Print mode, fingerprint and its parts; exit status 1 where a portable fingerprint is not the expected one."""
    if "--portable" in words:
        restart_portable("anatomy_r1.arithmetic", words)
        use_portable()
    print(f"{mode()} {fingerprint()}", *(f"{name} {found}" for name, found in parts().items()), sep="\n")
    return int(mode() == "portable" and fingerprint() != EXPECTED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
