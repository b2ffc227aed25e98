"""What goes into the images fits together."""

from __future__ import annotations

import json

from desktop.paths import PROJECT

TRAINER = PROJECT / "trainer_image"
MODELS = PROJECT / "desktop" / "core" / "models.json"


def pinned(name: str) -> dict[str, str]:
    """Return the packages of a requirements file with their exact versions."""
    lines = (TRAINER / name).read_text("utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def test_every_package_has_one_exact_version() -> None:
    for variant in ("cuda", "cpu"):
        files = [pinned(f"requirements{part}.txt") for part in (f"-{variant}", "", "-nodeps")]
        names = [name.lower().replace("_", "-") for packages in files for name in packages]
        assert sorted(names) == sorted(set(names))
        assert all(version for packages in files for version in packages.values())


def test_models_that_see_can_be_loaded_on_a_gpu_by_the_torchvision_of_its_torch() -> None:
    listed = json.loads(MODELS.read_text("utf-8"))["models"]
    assert any("vision_config" in model["shape"] for model in listed)
    packages = pinned("requirements-cuda.txt")
    major, minor = (int(part) for part in packages["torch"].split(".")[:2])
    # torchvision 0.15 came with torch 2.0, and each later one with the next.
    assert (major, packages["torchvision"].split(".")[:2]) == (2, ["0", str(15 + minor)])
    assert "torchvision" not in pinned("requirements-cpu.txt"), "its build for CUDA breaks a torch for CPUs"
