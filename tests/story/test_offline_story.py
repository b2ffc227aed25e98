"""With the one switch on, nothing even tries to use the network: the kernel counts, for libraries in C too.

App and trainer run in a network namespace of their own that has no way out. Whatever tries to connect, to send a
datagram or to ask for a name has to look for a route there, and the kernel counts each look that finds none.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from desktop.paths import PROJECT
from tests.story.conftest import IN_CI, Tunedeck, events_of, wait_for
from trainer_image.contract import Finished, RunFolder

COUNTED = ("Ip.OutNoRoutes", "Ip.OutRequests", "Tcp.ActiveOpens", "Udp.OutDatagrams")
OUTSIDE = "org/a-model-that-nobody-has"

INSIDE = f"""
import json, subprocess, sys
from pathlib import Path

def count():
    lines = Path("/proc/self/net/snmp").read_text().splitlines()
    found = {{}}
    for names, values in zip(lines[::2], lines[1::2]):
        kind = names.partition(":")[0]
        found |= {{f"{{kind}}.{{name}}": int(value) for name, value in zip(names.split()[1:], values.split()[1:])}}
    return sum(found[name] for name in {COUNTED})

def start(words):
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

told = []
for together in json.loads(sys.argv[1]):
    before = count()
    started = [start(words) for words in together]
    ended = [(one.communicate(), one.returncode) for one in started]
    attempts = count() - before
    told.append([attempts, [[code, *printed] for printed, code in ended]])
print(json.dumps(told))
"""
ASKING = "import socket\ntry: socket.create_connection(('192.0.2.1', 80), 1)\nexcept OSError: pass"


def namespace() -> list[str]:
    """Return the words that run a command in a network namespace of its own, as root or as anybody."""
    unshare = shutil.which("unshare")
    for words in ([unshare, "--net"], [unshare, "--user", "--map-current-user", "--net"]):
        if unshare and subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0:
            return [word for word in words if word]
    if IN_CI:
        pytest.fail("CI has to allow network namespaces, or nobody counts connections.")
    pytest.skip("this machine allows no network namespaces")


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def counted(*rounds: list[list[str]]) -> list[tuple[int, list[Ended]]]:
    """Run commands where no network is, those of a round at once; return the attempts and the ends of each round."""
    done = subprocess.run(
        [*namespace(), sys.executable, "-c", INSIDE, json.dumps(rounds)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=PROJECT,
        env={**os.environ, "HF_TOKEN": "hf_" + "o" * 34},
    )
    assert done.returncode == 0, done.stderr
    return [(attempts, [Ended(*one) for one in ended]) for attempts, ended in json.loads(done.stdout)]


@pytest.mark.process
def test_a_run_and_a_chat_offline_make_no_connection(as_process: Tunedeck, tmp_path: Path) -> None:
    as_process("offline", "on")
    try:
        config = as_process.write_config(tmp_path, max_steps=1)
        missing = tmp_path / "missing.json"
        missing.write_text(json.dumps({**json.loads(config.read_text()), "model": OUTSIDE}))
        name = f"Offline {secrets.token_hex(4)}"
        (control, _), (training, (train,)), (looking, (chat, refused, checked)) = counted(
            [[sys.executable, "-c", ASKING]],
            [as_process.command("train", str(config), "--engine", "process", "--name", name, "--json")],
            [
                as_process.command("chat", name, "--prompt", "Hello", "--max-tokens", "4", "--json"),
                as_process.command("train", str(missing), "--engine", "process", "--json"),
                as_process.command("data", "check", str(json.loads(config.read_text())["dataset"]), "--json"),
            ],
        )
    finally:
        as_process("offline", "off")
    assert control > 0, "the kernel does not count here"
    assert (train.code, training) == (0, 0), train
    files = RunFolder(Path(json.loads(train.out.splitlines()[0])["folder"]))
    assert isinstance(events_of(files)[-1], Finished)
    assert (chat.code, refused.code, checked.code, looking) == (0, 1, 0, 0), (chat, refused, checked)
    assert json.loads(chat.out)["answer"]
    assert f"{OUTSIDE} is not on this machine" in refused.out + refused.err


@pytest.mark.docker
def test_a_container_offline_makes_no_connection(in_docker: Tunedeck, docker_client: object, tmp_path: Path) -> None:
    in_docker("offline", "on")
    try:
        files = in_docker.start(in_docker.write_config(tmp_path, max_steps=1))
    finally:
        in_docker("offline", "off")
    wait_for(lambda: events_of(files), "the first event")
    details = docker_client.api.inspect_container(f"tunedeck-{files.path.name}")  # type: ignore[attr-defined]
    assert details["HostConfig"]["NetworkMode"] == "none"
    told = dict(variable.split("=", 1) for variable in details["Config"]["Env"])
    assert all(told[name] == "1" for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE"))
    attempts = wait_for_the_last_count(details["State"]["Pid"], files)
    assert attempts == 0


def wait_for_the_last_count(pid: int, files: RunFolder) -> int:
    """Read the counters of a container's namespace until it is gone; return what they said last."""
    counts = []

    def has_ended() -> bool:
        try:
            lines = Path(f"/proc/{pid}/net/snmp").read_text().splitlines()
        except OSError:
            return True
        values = {}
        for names, numbers in zip(lines[::2], lines[1::2], strict=True):
            kind = names.partition(":")[0]
            for name, number in zip(names.split()[1:], numbers.split()[1:], strict=True):
                values[f"{kind}.{name}"] = int(number)
        counts.append(sum(values[name] for name in COUNTED))
        return isinstance(events_of(files)[-1], Finished)

    wait_for(has_ended, "the end of the run")
    return int(counts[-1])
