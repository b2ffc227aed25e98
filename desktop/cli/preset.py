"""``--preset``: a preset worked out for this machine, the model and the rows, and said in one line."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from desktop.controllers.assembly import Assembly
from desktop.controllers.choosing import DataFacts
from desktop.controllers.token_lengths import token_lengths
from desktop.core.auto_set import choose
from desktop.core.dataset.fits import KIND_OF, methods_for
from desktop.core.dataset.scan import scan
from desktop.core.dataset_choice import options_of
from desktop.core.packing import packing_problem
from desktop.core.presets import find_preset
from desktop.engine.gpus import Gpus
from desktop.engine.preview import Previewer
from desktop.engine.seen_rows import Asked
from desktop.errors import AppError, ConfigError
from trainer_image.contract import RunConfig, check_config

UNCUT = 1_000_000


def add_preset(parser: argparse.ArgumentParser) -> None:
    """Give a word the choice of a preset."""
    about = "let test, auto, fast or best set the knobs for this machine, this model and these rows; --set goes before"
    parser.add_argument("--preset", metavar="NAME", help=about)


def with_preset(assembly: Assembly, config: RunConfig, arguments: argparse.Namespace) -> RunConfig:
    """Return the config with a preset's knobs, if one is asked for; what --set names stays."""
    if not arguments.preset:
        return config
    preset = find_preset(arguments.preset)
    folder = _look_at_model(assembly, config)
    assembly.hardware.samples = Gpus().sample()
    model = assembly.models.known(config.model)
    machine = assembly.choosing.machine(config.gpus)
    values = config.model_dump()
    data = _data(assembly.datasets.with_file(config), folder)
    chosen = choose(preset.key, machine, model, data, config.method, values)
    named = {word.partition("=")[0] for word in arguments.set}
    values |= {name: value for name, value in chosen.values.items() if name not in named}
    changed, problems = check_config(values)
    if (refused := packing_problem(values, model.kind)) is not None:
        problems.append(refused)
    if changed is None or refused is not None:
        raise ConfigError(" ".join(problem.sentence for problem in problems), code="bad_config")
    if not arguments.json:
        print(f"{preset.name}: {chosen.sentence}", file=sys.stderr)
    return changed


def _look_at_model(assembly: Assembly, config: RunConfig) -> Path | None:
    report = assembly.models.check(config.model, config.model_revision, config.offline)
    assembly.models.report = report
    return report.folder


def _data(config: RunConfig, folder: Path | None) -> DataFacts:
    """Count rows and their tokens; what cannot be read or counted is left to the start to say."""
    path = Path(config.dataset)
    if not path.is_file():
        return DataFacts()
    told = options_of(config)
    report = scan(path, told)
    if not report.rows or report.shape is None or report.index is None:
        return DataFacts()
    if folder is None or config.method not in methods_for(report.shape):
        return DataFacts(report.rows)
    kind, template = KIND_OF[config.method], config.chat_template
    asked = Asked(report.shape, kind, report.meaning, told.mapping, config.loss_on, UNCUT, template)
    try:
        previewer = Previewer(str(folder))
    except AppError:
        return DataFacts(report.rows)
    try:
        return DataFacts(report.rows, tuple(token_lengths(report.index, previewer, asked).lengths))
    finally:
        previewer.close()
