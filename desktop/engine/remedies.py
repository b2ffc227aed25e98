"""Commands that mend a machine, as they are right for its Linux: to be copied into a terminal as they stand."""

from __future__ import annotations

import platform
import re
import shutil
from collections.abc import Mapping

TOOLKIT_KEY = "/usr/share/keyrings/nvidia-container-toolkit-keyring.gpg"
SET_UP = "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"
"""Tells Docker of NVIDIA's toolkit."""
OFFER = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
"""Lists the cards for engines that take them by CDI, as Docker 25 and newer do."""
_TOOLKIT: Mapping[str, str] = {
    # As NVIDIA's guide has it; the distributions' own repositories have no such package.
    "debian": "curl -fsSL https://nvidia.github.io/libnvidia-container/gpgkey | "
    f"sudo gpg --dearmor -o {TOOLKIT_KEY} && "
    "curl -sL https://nvidia.github.io/libnvidia-container/stable/deb/nvidia-container-toolkit.list | "
    f"sed 's#deb https://#deb [signed-by={TOOLKIT_KEY}] https://#g' | "
    "sudo tee /etc/apt/sources.list.d/nvidia-container-toolkit.list && "
    "sudo apt-get update && sudo apt-get install -y nvidia-container-toolkit",
    "fedora": "curl -sL https://nvidia.github.io/libnvidia-container/stable/rpm/nvidia-container-toolkit.repo | "
    "sudo tee /etc/yum.repos.d/nvidia-container-toolkit.repo && sudo dnf install -y nvidia-container-toolkit",
    "arch": "sudo pacman -S --needed nvidia-container-toolkit",
}
_COMMAND = re.compile(r"(?:^|[(:,] ?)((?:sudo|tunedeck) (?:[^().,]|[.,](?=\w))+)")


def family() -> str:
    """Return the kind of this Linux: ubuntu, debian, fedora or arch; empty where it is another."""
    try:
        facts = platform.freedesktop_os_release()
    except OSError:
        return ""
    names = [facts.get("ID", ""), *facts.get("ID_LIKE", "").split()]
    alike = {"rhel": "fedora", "centos": "fedora"}
    return next(
        (found for name in names if (found := alike.get(name, name)) in ("ubuntu", "debian", "fedora", "arch")), ""
    )


def driver_command(least: int) -> str:
    """Return what installs NVIDIA's driver of at least this version here; empty where that is not known."""
    kind = family()
    if kind == "ubuntu":
        return f"sudo apt-get update && sudo apt-get install -y nvidia-driver-{least}"
    if kind == "debian":
        # Debian's own driver is older than the trainer's CUDA; NVIDIA's repository has it.
        version = platform.freedesktop_os_release().get("VERSION_ID", "12")
        address = f"https://developer.download.nvidia.com/compute/cuda/repos/debian{version}/x86_64"
        keyring = "cuda-keyring_1.1-1_all.deb"
        return (
            f"curl -fsSLO {address}/{keyring} && sudo dpkg -i {keyring} && "
            "sudo apt-get update && sudo apt-get install -y linux-headers-$(uname -r) nvidia-open"
        )
    return {"fedora": "sudo dnf install -y akmod-nvidia", "arch": "sudo pacman -S --needed nvidia-open"}.get(kind, "")


def toolkit_command() -> str:
    """Return what lets Docker hand cards to containers; empty where it is not known how to install NVIDIA's toolkit."""
    if shutil.which("nvidia-ctk"):
        return SET_UP
    kind = family()
    install = _TOOLKIT.get("debian" if kind == "ubuntu" else kind)
    return f"{install} && {SET_UP}" if install else ""


def command_in(fix: str) -> str:
    """Return the first command that a sentence names; empty where it names none."""
    found = _COMMAND.search(fix)
    return found[1].strip() if found else ""
