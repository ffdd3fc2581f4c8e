"""A real one-node SLURM on this machine, with two fake GPUs, for `tox -e slurm`. Debian, as root.

    python scripts/slurm_local.py -- python -m pytest -m slurm tests/slurm

Scheduling is SLURM's own; the GPUs are /dev/null and /dev/zero. The packages slurm-wlm and munge are installed if they
are missing. A machine of a cluster is left alone: its /etc/slurm/slurm.conf is not ours.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

MARK = "# Written by anatomy-r1's scripts/slurm_local.py"
CONFIG = Path("/etc/slurm/slurm.conf")
HOME = Path("/var/lib/anatomy-r1-slurm")


def main(words: list[str]) -> int:
    """Start SLURM, run a command, stop SLURM; returns the command's exit status.

    If SLURM cannot run here, ANATOMY_R1_SLURM_OPTIONAL turns the failure into a warning; the command is not run.
    """
    if reason := set_up():
        print(f"slurm_local: {reason}; the SLURM tests WERE NOT RUN", file=sys.stderr)
        return 0 if os.environ.get("ANATOMY_R1_SLURM_OPTIONAL") else 1
    try:
        return subprocess.run(words, check=False).returncode if words else 0
    finally:
        stop()


def set_up() -> str:
    """Install what is missing and start both daemons; returns why that failed, or an empty string."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return "needs root on Debian"
    if CONFIG.is_file() and MARK not in CONFIG.read_text():
        return f"{CONFIG} is not ours: this machine has a SLURM already"
    try:
        if not shutil.which("slurmctld"):
            _quietly("apt-get", "update", "-qq")
            _quietly("apt-get", "install", "-y", "-qq", "--no-install-recommends", "slurm-wlm", "munge")
        stop()
        start()
    except (OSError, LookupError, RuntimeError) as error:
        return str(error)
    return ""


def start() -> None:
    """Start both daemons, and wait until the node is idle."""
    for name in ("state", "spool", "log"):
        (HOME / name).mkdir(parents=True, exist_ok=True)
    runs, key = Path("/run/munge"), Path("/etc/munge/munge.key")  # munged refuses what others may write to
    runs.mkdir(exist_ok=True)
    shutil.chown(runs, "munge", "munge")
    if not key.is_file():
        _quietly("/usr/sbin/mungekey")
    shutil.chown(key, "munge")
    if subprocess.run(["pgrep", "-x", "munged"], capture_output=True, check=False).returncode:
        _quietly("su", "-s", "/bin/sh", "munge", "-c", "/usr/sbin/munged")
    CONFIG.parent.mkdir(exist_ok=True)
    node = os.uname().nodename.split(".")[0]
    CONFIG.write_text(configuration(node, os.cpu_count() or 1))
    gres = [f"NodeName={node} Name=gpu File={path} Count=1" for path in ("/dev/null", "/dev/zero")]
    (CONFIG.parent / "gres.conf").write_text("\n".join([MARK, *gres, ""]))
    _quietly("slurmctld")
    time.sleep(2)
    _quietly("slurmd", "-N", node)
    until = time.monotonic() + 30
    while "idle" not in subprocess.run(["sinfo", "-h"], capture_output=True, text=True, check=False).stdout:
        if time.monotonic() > until:
            raise RuntimeError(f"the node does not come up; logs: {HOME / 'log'}")
        time.sleep(0.5)


def configuration(node: str, cpus: int) -> str:
    """slurm.conf: no accounting, no control groups; GPUs and memory are resources."""
    shape = f"CPUs={cpus} Boards=1 SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1"
    lines = [
        MARK, "ClusterName=anatomy-r1", f"SlurmctldHost={node}(127.0.0.1)", "SlurmctldPort=16817", "SlurmdPort=16818",
        "AuthType=auth/munge", "SlurmUser=root", "SlurmdUser=root",
        f"StateSaveLocation={HOME}/state", f"SlurmdSpoolDir={HOME}/spool",
        f"SlurmctldPidFile={HOME}/ctld.pid", f"SlurmdPidFile={HOME}/d.pid",
        f"SlurmctldLogFile={HOME}/log/ctld.log", f"SlurmdLogFile={HOME}/log/d.log",
        "ProctrackType=proctrack/linuxproc", "TaskPlugin=task/none", "MpiDefault=none", "ReturnToService=2",
        "SelectType=select/cons_tres", "SelectTypeParameters=CR_Core_Memory",
        "JobAcctGatherType=jobacct_gather/none", "AccountingStorageType=accounting_storage/none", "GresTypes=gpu",
        f"NodeName={node} NodeAddr=127.0.0.1 {shape} RealMemory=16000 Gres=gpu:2 State=UNKNOWN",
        f"PartitionName=main Nodes={node} Default=YES MaxTime=INFINITE State=UP",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def stop() -> None:
    """Stop both daemons, if they run."""
    for name in ("d.pid", "ctld.pid"):
        try:
            os.kill(int((HOME / name).read_text()), signal.SIGTERM)
        except (OSError, ValueError):
            continue
    time.sleep(1)
    shutil.rmtree(HOME, ignore_errors=True)


def _quietly(*words: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)} failed:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[2:] if sys.argv[1:2] == ["--"] else sys.argv[1:]))
