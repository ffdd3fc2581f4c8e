"""Portable arithmetic: the environment before Python, what is refused, and the same bytes as another processor."""

import importlib.util
import os
import platform
import subprocess
import sys
from functools import cache

import pytest

from anatomy_r1 import arithmetic
from anatomy_r1.arithmetic import ENVIRONMENT, EXPECTED, ORDER
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.config import EvaluationConfig
from anatomy_r1.evaluation.evaluate import evaluate
from anatomy_r1.provenance import ROOT, processor, provenance

NATIVE = {name: value for name, value in os.environ.items() if name not in ENVIRONMENT}
needs_avx2 = pytest.mark.skipif(not arithmetic.has_avx2(), reason="the promise is about x86-64 with AVX2")


def script():
    spec = importlib.util.spec_from_file_location("portable", ROOT / "scripts" / "portable.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


portable = script()


def python(code, **variables):
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env={**NATIVE, **variables}, cwd=ROOT, capture_output=True, text=True, check=False)


def printed(*words, **variables):
    """What `python -m anatomy_r1.arithmetic` prints: mode -> fingerprint, part -> hash."""
    command = [sys.executable, "-m", "anatomy_r1.arithmetic", *words]
    done = subprocess.run(command, env={**NATIVE, **variables}, cwd=ROOT, capture_output=True, text=True, check=False)
    return dict(line.split() for line in done.stdout.splitlines())


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "fpu avx avx2 fma avx512f", True),
        ("x86_64", "fpu avx avx2 fma", True),
        ("x86_64", "fpu avx", False),
        ("x86_64", "fpu avx avx2", False),
        ("aarch64", "fp asimd", False),
    ],
    ids=["AVX-512", "AVX2", "neither", "AVX2 without FMA", "Arm"],
)
def test_kernels_are_fixed_only_where_the_processor_has_them(machine, flags, expected, tmp_path, monkeypatch):
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor\t: 0\nflags\t\t: {flags}\n\n")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert arithmetic.has_avx2(info) is expected
    monkeypatch.setattr(arithmetic, "has_avx2", lambda: expected)
    assert arithmetic.environment() == (ENVIRONMENT if expected else ORDER)


def test_what_is_set_after_the_start_is_still_missing(tmp_path):
    environ = tmp_path / "environ"
    environ.write_bytes(b"PYTHONHASHSEED=0\0EMPTY=\0A=b=c\0")
    assert arithmetic.started_with(environ) == {"PYTHONHASHSEED": "0", "EMPTY": "", "A": "b=c"}
    late = "import os; from anatomy_r1 import arithmetic as a; os.environ.update(a.ENVIRONMENT); a.use_portable()"
    done = python(late)
    assert done.returncode == 1
    assert "portable arithmetic: this process started without" in done.stderr
    assert "MKL_CBWR='COMPATIBLE'" in done.stderr or not arithmetic.has_avx2()
    assert "Fix: start the command with --arithmetic portable" in done.stderr


def test_a_process_that_started_natively_is_refused_and_stays_native():
    with pytest.raises(AnatomyR1Error, match="this process started without"):
        arithmetic.use_portable()
    assert arithmetic.mode() == "native"
    assert provenance()["arithmetic"] == {"mode": "native"}


def test_the_process_is_replaced_once_with_its_words_and_the_environment(monkeypatch):
    calls = []
    monkeypatch.setattr(os, "execve", lambda *call: calls.append(call))
    arithmetic.restart_portable("baselines", ["run", "--seeds", "0"])
    [(program, words, environment)] = calls
    assert (program, words) == (sys.executable, [sys.executable, "-m", "baselines", "run", "--seeds", "0"])
    assert arithmetic.environment().items() <= environment.items()
    monkeypatch.setattr(arithmetic, "started_with", lambda: {})
    monkeypatch.setenv("ANATOMY_R1_RESTARTED", "1")
    with pytest.raises(AnatomyR1Error, match=r"do not reach Python: .*PYTHONHASHSEED"):
        arithmetic.restart_portable("baselines", [])
    monkeypatch.setattr(arithmetic, "started_with", arithmetic.environment)
    arithmetic.restart_portable("baselines", [])
    assert len(calls) == 1


@needs_avx2
def test_a_library_that_does_not_follow_is_refused(monkeypatch):
    import torch

    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    with pytest.raises(AnatomyR1Error, match="PyTorch runs its AVX512 kernels"):
        arithmetic._check_libraries()


def test_another_fingerprint_is_told_and_recorded(monkeypatch):
    monkeypatch.setattr(arithmetic, "mode", lambda: "portable")
    monkeypatch.setattr(arithmetic, "fingerprint", lambda: "0123456789abcdef")
    assert provenance()["arithmetic"] == {"mode": "portable", "fingerprint": "0123456789abcdef", "expected": False}
    told = arithmetic.machine_note()
    assert f"fingerprint is 0123456789abcdef, not {EXPECTED}. Its numbers will differ" in told
    monkeypatch.setattr(arithmetic, "fingerprint", lambda: EXPECTED)
    assert arithmetic.record()["expected"] is True
    assert arithmetic.machine_note() == ""


def test_the_fingerprint_leaves_random_numbers_as_they_are():
    import numpy as np
    import torch

    before, numpy_before = torch.random.get_rng_state(), np.random.get_state()[1].copy()
    with torch.inference_mode():
        first = arithmetic.parts()
    assert first == arithmetic.parts()
    assert torch.equal(before, torch.random.get_rng_state())
    assert (np.random.get_state()[1] == numpy_before).all()


@pytest.mark.parametrize("options", [{"engine": "vllm"}, {"engine": "server"}, {"device": "cuda"}], ids=str)
def test_what_is_not_computed_here_cannot_be_portable(options, monkeypatch, tmp_path):
    monkeypatch.setattr(arithmetic, "mode", lambda: "portable")
    with pytest.raises(AnatomyR1Error, match="portable arithmetic is for --engine transformers on a CPU"):
        evaluate("sgg_anatomy_mini", tmp_path, "m", tmp_path / "log.sqlite", EvaluationConfig(**options))


SQUARE_ROOTS = """
import torch
from anatomy_r1.arithmetic import use_portable
use_portable()
x = torch.tensor([0.0, 4.0, 2.0, float("inf"), -1.0])
out, inside, several = torch.empty(0), x.clone(), [x.clone()]
torch.sqrt(x, out=out)
inside.sqrt_()
torch._foreach_sqrt_(several)
every = [x.sqrt(), out, inside, several[0], torch._foreach_sqrt([x])[0]]
right = torch.tensor([0.0, 2.0, 2.0**0.5, float("inf"), float("nan")])
for found in every:
    torch.testing.assert_close(found, right, equal_nan=True)
    assert torch.equal(found[:4], every[0][:4])
y = torch.tensor([4.0], requires_grad=True)
y.sqrt().backward()
assert y.grad.item() == 0.25
assert torch.equal(x[:4].sqrt(), x[:4].rsqrt().reciprocal())
assert not torch.backends.mkldnn.enabled
print("done")
"""


@needs_avx2
def test_square_roots_are_replaced_with_their_gradients():
    done = python(SQUARE_ROOTS, **ENVIRONMENT)
    assert done.stdout == "done\n", done.stderr
    assert done.stderr == ""


@pytest.mark.slow
def test_an_evaluation_in_portable_arithmetic_is_a_run_of_its_own(data, model_folder, tmp_path, monkeypatch):
    from anatomy_r1.response_log.log import ResponseLog

    log, options = tmp_path / "log.sqlite", {"limit": 1, "max_new_tokens": 2, "progress": False}
    native = evaluate("sgg_anatomy_mini", data, model_folder, log, **options)
    monkeypatch.setattr(arithmetic, "mode", lambda: "portable")
    found = evaluate("sgg_anatomy_mini", data, model_folder, log, **options)
    assert native.generated == found.generated > 0  # none of the other arithmetic's
    with ResponseLog(log, read_only=True) as opened:
        plans = opened.runs()
        assert "arithmetic" not in plans[native.run]["decoding"]
        assert plans[found.run]["decoding"] == {**plans[native.run]["decoding"], "arithmetic": "portable"}
        assert not opened.provenance(native.run)
        assert opened.provenance(found.run)[0]["arithmetic"]["fingerprint"] == arithmetic.fingerprint()


@cache
def portable_here():
    """What `printed` finds in portable mode without a switch."""
    return printed("--portable")


SWITCHES = {
    "MKL told of AVX2": {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "MKL told of SSE4": {"MKL_ENABLE_INSTRUCTIONS": "SSE4_2"},
    "glibc without AVX-512": {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512DQ"},
}


@pytest.mark.slow
@needs_avx2
def test_the_fingerprint_is_the_committed_one_whatever_a_library_finds():
    """On every x86-64 processor with AVX2; the command restarts itself in the environment."""
    plain = portable_here()
    assert plain["portable"] == EXPECTED
    assert {name: printed("--portable", **switch) for name, switch in SWITCHES.items()} == dict.fromkeys(
        SWITCHES, plain
    )


@pytest.mark.slow
@needs_avx2
def test_without_fma_only_the_c_library_computes_otherwise():
    """No processor with AVX2 lacks FMA; glibc's exp, pow and cos would differ on one."""
    plain = portable_here()
    other = printed("--portable", GLIBC_TUNABLES="glibc.cpu.hwcaps=-AVX512F,-AVX2,-FMA")
    assert [name for name in plain if plain[name] != other.get(name)] in ([], ["portable", "libm"])


@pytest.mark.slow
@pytest.mark.skipif("AVX-512" not in processor(), reason="its own kernels are those of the other one")
def test_natively_the_kernels_of_another_processor_give_other_bytes():
    """So the test above can fail: the same training as on a processor without AVX-512."""
    here, there = printed(), printed(ATEN_CPU_CAPABILITY="avx2", NPY_DISABLE_CPU_FEATURES=arithmetic.AVX512)
    assert all(here[name] != there[name] for name in ("native", "training"))  # which others differ depends on it


def test_a_difference_and_a_missing_emulator_are_told(capsys, monkeypatch):
    assert portable.compare({"here": {"a": "1", "b": "2"}, "epyc": {"a": "1", "b": "2"}}) == 0
    assert portable.compare({"here": {"a": "1", "b": "2"}, "epyc": {"a": "1", "b": "3"}}) == 1
    assert "epyc and here: differ: b" in capsys.readouterr().out
    assert portable.compare({"here": {"a": "1"}, "epyc": {}}) == 2
    monkeypatch.setattr(portable.shutil, "which", lambda _: None)
    assert portable.hashes(portable.PROCESSORS["epyc"], whole=False, name="epyc") == {}
    assert "epyc: no qemu-x86_64 here. Fix: apt-get install qemu-user" in capsys.readouterr().err
