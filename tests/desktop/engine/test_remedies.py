"""Commands that mend a machine."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from desktop.engine import remedies
from desktop.engine.checks import Check

UBUNTU = {"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_ID": "24.04"}
DEBIAN = {"ID": "debian", "VERSION_ID": "12"}
MINT = {"ID": "linuxmint", "ID_LIKE": "ubuntu debian"}
ROCKY = {"ID": "rocky", "ID_LIKE": "rhel centos fedora"}
ARCH = {"ID": "manjaro", "ID_LIKE": "arch"}
OTHER = {"ID": "nixos"}


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch) -> Any:
    def be(facts: dict[str, str], has_toolkit: bool = False) -> None:
        monkeypatch.setattr(remedies.platform, "freedesktop_os_release", lambda: facts)
        monkeypatch.setattr(remedies.shutil, "which", lambda name: "/usr/bin/nvidia-ctk" if has_toolkit else None)

    return be


@pytest.mark.parametrize(
    ("facts", "driver", "toolkit"),
    [
        (UBUNTU, "nvidia-driver-580", "stable/deb"),
        (MINT, "nvidia-driver-580", "stable/deb"),
        (DEBIAN, "repos/debian12/", "stable/deb"),
        (ROCKY, "akmod-nvidia", "stable/rpm"),
        (ARCH, "nvidia-open", "pacman"),
        (OTHER, "", ""),
    ],
)
def test_commands_are_those_of_this_linux(linux: Any, facts: dict[str, str], driver: str, toolkit: str) -> None:
    linux(facts)
    for command, word in ((remedies.driver_command(580), driver), (remedies.toolkit_command(), toolkit)):
        assert (word in command) if word else command == ""
        # A shell reads them as they stand.
        assert subprocess.run(["bash", "-n", "-c", command], check=False).returncode == 0


def test_a_toolkit_that_is_there_only_has_to_be_set_up(linux: Any) -> None:
    linux(UBUNTU, has_toolkit=True)
    assert remedies.toolkit_command() == remedies.SET_UP


@pytest.mark.parametrize(
    ("fix", "command"),
    [
        ("Add yourself to its group (sudo usermod -aG docker $USER), then log out.", "sudo usermod -aG docker $USER"),
        ("Set it: sudo timedatectl set-ntp true.", "sudo timedatectl set-ntp true"),
        ("sudo mount -o remount,size=4G /dev/shm", "sudo mount -o remount,size=4G /dev/shm"),
        (
            "Start it (sudo systemctl start docker), or install it (sudo apt install docker.io).",
            "sudo systemctl start docker",
        ),
        (
            "Give yourself the right (sudo chown -R $USER /home/a.b/x), or choose another.",
            "sudo chown -R $USER /home/a.b/x",
        ),
        ("Build it: tunedeck image build.", "tunedeck image build"),
        ("Free at least 20 GB.", ""),
    ],
)
def test_a_command_is_found_in_a_sentence(fix: str, command: str) -> None:
    assert Check("any", "fail", "Wrong.", fix).command == command
