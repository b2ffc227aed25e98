"""The words of the command line, and which file answers each of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from desktop.body import ENGINES
from desktop.cli import (
    chat,
    comparing,
    configs,
    data_words,
    dataset_words,
    doctor,
    fit,
    image,
    models,
    offline,
    preset,
    push,
    queue,
    queue_words,
    runs,
    schema,
    secrets,
    train,
)
from desktop.cli.asked import Asked, common_parser, common_words_first, run
from desktop.cli.asked import add_word as add
from desktop.controllers.secrets import SERVICES
from desktop.paths import find_home

__all__ = ["parse", "run"]


def parse(words: Sequence[str]) -> Asked:
    """Read the command line; wrong usage ends the program with exit code 2."""
    parser = _parser()
    arguments = parser.parse_args(common_words_first(words))
    verb = arguments.verb or ""
    wants_window = not verb or (verb == "demo" and not arguments.headless and not arguments.json)
    return Asked(verb, find_home(arguments.home), arguments, wants_window)


def _tokens(word: str) -> int:
    """Read a number of tokens; argparse turns ValueError into wrong usage."""
    number = int(word)
    if not 1 <= number <= 32768:
        raise argparse.ArgumentTypeError("has to be between 1 and 32768")
    return number


def _parser() -> argparse.ArgumentParser:
    parser = common_parser()
    verbs = parser.add_subparsers(dest="verb", metavar="WORD")

    demo = add(verbs, "demo", "run the built-in example to its end, shown live", train.demo)
    demo.add_argument("--headless", action="store_true", help="in the terminal, without a window")
    demo.add_argument("--engine", choices=ENGINES, help="docker if an engine answers, else process")

    add(verbs, "doctor", "examine engine, GPUs, image and disk, with a fix for each", doctor.doctor)

    images = add(verbs, "image", "the trainer image").add_subparsers(required=True, metavar="WORD")
    build = add(images, "build", "build the trainer image", image.build)
    build.add_argument("--base", help="the image to build on: Python 3.11 or 3.12 with venv and pip")
    build.add_argument("--if-needed", action="store_true", help="only where it is missing or older than this app")
    pull = add(images, "pull", "pull the trainer image from a registry and use it", image.pull)
    pull.add_argument("reference", metavar="IMAGE", help="its name in the registry, such as ghcr.io/you/trainer:1")
    add(images, "show", "say whether the trainer image is there and fits", image.show)
    add(images, "list", "the versions that are kept side by side", image.list_versions)
    for verb, about, function in (
        ("use", "go back to another version, or forward again", image.use),
        ("remove", "remove a version", image.remove),
    ):
        add(images, verb, about, function).add_argument("version", metavar="VERSION", help="as image list names it")

    training = add(verbs, "train", "start a run and follow it to its end", train.train)
    training.add_argument("config", metavar="CONFIG", help="a JSON file, or the name of a saved config")
    training.add_argument("--set", action="append", default=[], metavar="KNOB=VALUE", help="change one knob")
    preset.add_preset(training)
    training.add_argument("--engine", choices=ENGINES, default="docker", help="in a container, or as a process")
    training.add_argument("--name", default="", help="what to call the run")
    training.add_argument("--detach", action="store_true", help="return as soon as it is started, or waits")
    training.add_argument("--queue", action="store_true", help="the same: in the queue it waits for its cards")
    later = f"start it at this time, or once its cards are free after that: {queue_words.WHEN}"
    training.add_argument("--at", metavar="TIME", help=later)
    training.add_argument("--gpus", metavar="CARDS", help=f"the cards that it runs on: {queue_words.WHERE}")
    training.add_argument("--now", action="store_true", help="start although other runs use its cards")
    ready = "take a trainer that the window keeps ready for such a run; without one it starts as ever"
    training.add_argument("--standing", action=argparse.BooleanOptionalAction, default=True, help=ready)

    fitting = add(verbs, "fit", "predict what a run needs of each card, and what would make it fit", fit.fit)
    fitting.add_argument("config", metavar="CONFIG", help="a JSON file, or the name of a saved config")
    fitting.add_argument("--set", action="append", default=[], metavar="KNOB=VALUE", help="change one knob")
    here = "empty cards of these sizes in GiB, such as 12,12, instead of those that are here"
    fitting.add_argument("--cards", type=fit.cards, metavar="SIZES", help=here)

    of_runs = add(verbs, "runs", "the runs").add_subparsers(required=True, metavar="WORD")
    add(of_runs, "list", "every run, newest first", runs.list_runs)
    for name, help, command in (
        ("show", "everything about one run", runs.show),
        ("follow", "show a run live until it ends, and then the one that waits for it", runs.follow),
        ("pause", "save at the next step and stop, to go on later", runs.pause),
        ("resume", "go on from the last checkpoint", runs.resume),
        ("cancel", "save at the next step and end for good", runs.cancel),
        ("checkpoint", "save at the next step and go on", runs.checkpoint),
        ("delete", "delete a run with its folder", runs.delete),
    ):
        one = add(of_runs, name, help, command)
        one.add_argument("run", metavar="RUN", help="id or name of a run, or the word last")
        if name == "resume":
            one.add_argument("--detach", action="store_true", help="return as soon as it is started")
    add(of_runs, "rebuild", "read the run folders back into the catalogue", runs.rebuild)
    comparing.add_words(of_runs)

    queue.add_words(add(verbs, "queue", "the runs that wait"))

    talk = add(verbs, "chat", "talk with what a run made", chat.chat)
    talk.add_argument("run", metavar="RUN", help="id or name of a run, or the word last")
    talk.add_argument("--prompt", help="ask this and print the answer; without it, prompts are read line by line")
    talk.add_argument("--checkpoint", type=int, metavar="STEP", help="a checkpoint instead of the finished adapter")
    talk.add_argument("--against", choices=["base"], help="let the base model answer too")
    talk.add_argument("--max-tokens", type=_tokens, default=256, help="the longest answer")

    of_configs = add(verbs, "config", "saved configs").add_subparsers(required=True, metavar="WORD")
    saved = add(of_configs, "list", "every saved config", configs.list_configs)
    saved.add_argument("--engine", choices=ENGINES, help="only those that were saved with this engine, or with none")
    add(of_configs, "show", "one saved config", configs.show).add_argument("name")
    save = add(of_configs, "save", "save a config under a name", configs.save)
    save.add_argument("name")
    save.add_argument("config", metavar="CONFIG", help="a JSON file, or the name of a saved config")
    save.add_argument("--set", action="append", default=[], metavar="KNOB=VALUE", help="change one knob")
    save.add_argument("--engine", choices=ENGINES, help="the engine that it is meant for")
    preset.add_preset(save)
    rename = add(of_configs, "rename", "give a saved config another name", configs.rename)
    rename.add_argument("name")
    rename.add_argument("new_name")
    add(of_configs, "delete", "delete a saved config; restore brings it back", configs.delete).add_argument("name")
    back = "bring back a config that was deleted or saved over; without a name, list what can come back"
    restore = add(of_configs, "restore", back, configs.restore)
    restore.add_argument("name", nargs="?", default="")
    restore.add_argument("new_name", nargs="?", default="", help="what to call it, where its name is taken")

    duplicate = add(of_configs, "duplicate", "save a copy of a config under another name", configs.duplicate)
    duplicate.add_argument("name")
    duplicate.add_argument("new_name", nargs="?", default="", help="the copy's name; without it, a number is added")
    export = add(of_configs, "export", "write a saved config into a file that others can import", configs.export)
    export.add_argument("name")
    export.add_argument("file", metavar="FILE")
    bring = add(of_configs, "import", "save the config in a file", configs.bring_in)
    bring.add_argument("file", metavar="FILE")
    bring.add_argument("--name", default="", help="what to call it; without it, as the file says")
    note = add(of_configs, "note", "show or change the notes of a saved config", configs.note)
    note.add_argument("name")
    note.add_argument("text", nargs="?", help="the new notes; an empty text takes them away")

    of_tokens = add(verbs, "token", "tokens of services, kept in the keyring").add_subparsers(
        required=True, metavar="WORD"
    )
    for name, help, command in (
        ("set", "keep a token, read from a prompt or from standard input", secrets.set_token),
        ("show", "say where the token is kept, not what it is", secrets.show),
        ("delete", "forget a token", secrets.delete),
    ):
        of_one = add(of_tokens, name, help, command)
        of_one.add_argument("--service", choices=list(SERVICES), default="hub", help="whose token; hub otherwise")

    network = add(verbs, "offline", "take the network from every run, chat and check, or give it back", offline.offline)
    network.add_argument("state", choices=("on", "off", "show"), nargs="?", default="show")

    models.add_words(add(verbs, "models", "models to start from, on the Hub and on this machine"))

    push.add_words(add(verbs, "push", "send the model of a finished run to the Hub", push.push))

    of_data = add(verbs, "data", "dataset files and the library").add_subparsers(required=True, metavar="WORD")
    data_words.add_words(of_data)
    dataset_words.add_words(of_data, add)

    add(verbs, "schema", "the contract of configs, events and requests as JSON Schema", schema.schema)
    return parser
