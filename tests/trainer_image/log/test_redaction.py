"""Secrets taken out of text, of pieces of output, and of what a process prints."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer_image.log.redaction import REMOVED, Redactor, Stream, clean, redactor_of, remember

HUB = "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYz12345678"
SECRETS = [
    HUB,
    "sk-proj-abc123DEF456ghi789JKL",
    "sk-ant-api03-aaaabbbbcccc1234",
    "ghp_0123456789abcdefghijABCDEFGHIJ012345",
    "github_pat_11ABCDEFG0123456789_abcdefghijklmnop",
    "glpat-abcdefghij0123456789",
    "xoxb-123456789012-abcdefghijkl",
    "AIzaSyA1234567890abcdefghijklmnopqrstuv",
    "AKIAIOSFODNN7EXAMPLE",
]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "around", ["{}", "token={} ", 'key: "{}",', "\n{}\n", "(see {})", "https://{}@huggingface.co/x"]
)
def test_what_looks_like_a_secret_is_removed(secret: str, around: str) -> None:
    text = around.format(secret)
    assert secret not in Redactor().text(text)
    assert secret not in Redactor().data(text.encode()).decode()
    line = json.dumps({"text": f"before\n{text}\tafter"})
    told = Redactor().data(line.encode())
    assert secret not in told.decode()
    assert json.loads(told)["text"].startswith("before")


def test_headers_and_addresses_keep_all_but_the_secret() -> None:
    redactor = Redactor()
    assert redactor.text("Authorization: Bearer abcDEF123456789.x-y_z") == f"Authorization: Bearer {REMOVED}"
    assert redactor.text("https://ada:pa55word@mirror.example/simple") == f"https://{REMOVED}@mirror.example/simple"


@pytest.mark.parametrize(
    "text",
    [
        "a bearer authentication scheme, and Basic Understanding of it",
        "risk-adjusted-returns and a task-specific-thing-2000",
        "sk-learn-compatible-estimator",
        "https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct",
        "http://localhost:8080/path?x=a@b",
        "hf_hub_download(repo_id)",
        "{'loss': 1.2345, 'grad_norm': 0.123, 'learning_rate': 0.0002}",
        "0123456789abcdef0123456789abcdef01234567",
        "Ångström ☂ 中文 \udcff",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert Redactor().text(text) == text
    raw = text.encode("utf-8", "surrogateescape")
    assert Redactor().data(raw) == raw


def test_known_values_are_removed_whatever_they_look_like() -> None:
    assert Redactor(["correct horse", "short"]).text("the correct horse is short") == f"the {REMOVED} is short"
    variables = {"MY_API_KEY": "plain-looking-value", "TOKENIZERS_PARALLELISM": "true", "HOME": "/home/ada"}
    told = redactor_of(variables).text("plain-looking-value true /home/ada")
    assert told == f"{REMOVED} true /home/ada"
    remember("odd=looking=token")
    assert clean("x odd=looking=token y") == f"x {REMOVED} y"


@given(cuts=st.lists(st.integers(0, 400), max_size=12), secret=st.sampled_from(SECRETS))
def test_a_secret_is_caught_however_the_output_is_cut(cuts: list[int], secret: str) -> None:
    text = f"step 1 loss 2.0\nthe token is {secret} indeed\r 10%|#| Bearer {'a1' * 12}\n" * 2 + f"end {secret}"
    data = text.encode()
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    stream = Stream(Redactor())
    told = b"".join(stream.feed(data[a:b]) for a, b in pairwise(places)) + stream.rest()
    assert told == Redactor().data(data)
    assert secret.encode() not in told
    assert b"a1a1" not in told


def test_a_word_without_end_is_let_go_of_and_half_a_secret_in_it_is_not() -> None:
    stream = Stream(Redactor())
    data = b"x" * 100_000 + b"." + HUB.encode() + b"/" + b"y" * 100_000
    told, most_held = b"", 0
    for start in range(0, len(data), 999):
        told += stream.feed(data[start : start + 999])
        most_held = max(most_held, start - len(told))
    told += stream.rest()
    assert most_held < 70_000
    assert HUB.encode() not in told
    assert len(told) == len(data) - len(HUB) + len(REMOVED)


PRINTER = """
import os, subprocess, sys
from itertools import pairwise
from pathlib import Path
from trainer_image.log import pump
log, secret = Path(sys.argv[1]), sys.argv[2]
pump.take_over(log)
print("from Python", secret[:12], end="", flush=True)
print(secret[12:], flush=True)
os.write(2, f"past Python {secret}\\n".encode())
subprocess.run([sys.executable, "-c", "import sys; print('from a child', sys.argv[1])", secret])
pump.settle()
assert log.read_text().count("\\n") == 3, log.read_text()
{ending}
"""


@pytest.mark.parametrize("ending", ["print('the end')", "os.abort()", "print('the end', flush=True); os._exit(3)"])
def test_what_a_process_prints_reaches_its_log_without_secrets(tmp_path: Path, ending: str) -> None:
    log = tmp_path / "train.log"
    words = [sys.executable, "-c", PRINTER.replace("{ending}", ending), str(log), HUB]
    subprocess.run(words, check=False, timeout=60)
    deadline = time.monotonic() + 60
    while "the end" in ending and "the end" not in log.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)  # who ends without a word leaves the rest to the pump
    text = log.read_text()
    assert HUB not in text
    assert HUB[:12] not in text
    lines = text.splitlines()
    assert lines[:3] == [f"from Python {REMOVED}", f"past Python {REMOVED}", f"from a child {REMOVED}"]
    assert lines[3:] == ([] if "abort" in ending else ["the end"])


FLOOD = """
import sys
from pathlib import Path
from trainer_image.log import pump
pump.MOST_BYTES, pump.TRICKLE = 10_000, 0
pump.take_over(Path(sys.argv[1]))
print("the first line", flush=True)
pump.settle()
for _ in range(100):
    print("x" * 50_000)
print("why it ended", flush=True)
"""


def test_a_torrent_does_not_fill_the_disk(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    subprocess.run([sys.executable, "-c", FLOOD, str(log)], check=True, timeout=60)
    text = log.read_text()
    assert text.startswith("the first line")
    assert len(text) < 100_000
    assert text.count("some of it is left out here") == 1
    assert text.endswith("why it ended\n")
