"""The letters of older programs: which of the encodings that spreadsheets write makes a file readable.

No mark tells them apart, so each is tried, and the one wins whose letters are those that its languages use most.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from itertools import pairwise
from typing import BinaryIO, NamedTuple

_BLOCK = 1 << 20
_LOOKED_AT = 1 << 18
"""So many bytes of lines with letters beyond ASCII tell the encoding."""
_ENOUGH = 0.55
_FEWEST = 5
"""Of fewer letters beyond ASCII only the most common of these encodings is told."""
_SURE = 20
"""So many letters beyond ASCII are no noise that reads as an encoding by chance."""
_HALVES = re.compile("[\u00c2\u00c3\u00e2\u00f0][^\x00-\x7f\u00c0-\u00ff]")
"""What the first bytes of a UTF-8 letter are in Windows-1252, which hardly anybody writes."""
_LATIN, _OTHER = (0.0, 0.5), (0.5, 1.0)
_RUN = re.compile(r"[^\x00-\x7f]{3,}")


class _Candidate(NamedTuple):
    encoding: str
    words: str
    common: str
    """The letters and signs beyond ASCII that are common in what is written with it."""
    share: float = 0.9
    """The share of all letters beyond ASCII that these make up in ordinary text."""
    runs: tuple[float, float] = (0.0, 1.0)
    """The least and the greatest share of them that stands three or more together, which tells alphabets apart."""
    telltale: str = ""
    """Letters of which one at least has to be there, where the others are written in another encoding too."""


_SIGNS = "„“”‚‘’«»–—…•·°§©®™€£¡¿×÷±½¼¾²´\u00a0"
_WEST = "þðýäöüßÄÖÜéèêëÉÈÊàâÀÂáÁçÇîïíÍìôóÓòõúÚùûñÑãåÅøØæÆœŒ"
_SIMPLE = (
    "的一是不了在有人这我个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种"
    "事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心本前开但因只从想实日者意无力它与长把机十第"
    "数很什号问题什常非，。？！：；、"
)
_TRADITIONAL = (
    "的一是不了在有人這我個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種"
    "事成方多經麼去法學如都同現當沒動面起看定天分還進好小部其些主樣理心本前開但因只從想實日者意無力它與長把機十第"
    "數很什號問題什常非，。？！：；、"
)
_KANA = "のにはをたがでてとしれさいるすもかなこまうだよあっきりんくけどらせそつめおンスルトリアイクーラ、。？"
_HANGUL = "이다는에의을가은를고하한로지사도기서어나해자아있니요습것들그인수대으리라게만무엇입좋은"
_RUSSIAN = "оеаинтсрвлкмі"
_GREEK = "αοιετσνηυρςάίόέή"
_CENTRAL = "ąćęłńóśźżčďěňřšťůžýáéíúöüőűăâîşţäôŁŚŻŽŠČŘÁÉÍÓÚÖÜŐŹĆß"
_TURKISH = "çğıöşüÇĞİÖŞÜâîû"
_HEBREW = "יוהלאמתרבשנ"
_ARABIC = "الينمرتوبةسعده"
_THAI = "านรอกเงมยลวดทสต่้ัิีะคแ"

_CANDIDATES = (
    _Candidate("cp1254", "Windows-1254", _TURKISH + _SIGNS, runs=_LATIN, telltale="ığşİ"),
    _Candidate("cp1252", "Windows-1252", _WEST + _SIGNS, runs=_LATIN),
    _Candidate("mac_roman", "Mac Roman", _WEST + _SIGNS, runs=_LATIN),
    _Candidate("cp1250", "Windows-1250", _CENTRAL + _SIGNS, runs=_LATIN),
    _Candidate("iso8859_2", "ISO 8859-2", _CENTRAL, runs=_LATIN),
    _Candidate("cp850", "DOS (850)", _WEST, runs=_LATIN),
    _Candidate("cp932", "Shift-JIS", _KANA, 0.4),
    _Candidate("euc_jp", "EUC-JP", _KANA, 0.4),
    _Candidate("gb18030", "GB 18030", _SIMPLE, 0.3),
    _Candidate("big5", "Big5", _TRADITIONAL, 0.3),
    _Candidate("cp949", "Windows-949", _HANGUL, 0.25),
    _Candidate("cp1251", "Windows-1251", _RUSSIAN, 0.7, _OTHER),
    _Candidate("koi8_r", "KOI8-R", _RUSSIAN, 0.7, _OTHER),
    _Candidate("cp866", "DOS (866)", _RUSSIAN, 0.7, _OTHER),
    _Candidate("cp1253", "Windows-1253", _GREEK, 0.7, _OTHER),
    _Candidate("cp1255", "Windows-1255", _HEBREW, 0.7, _OTHER),
    _Candidate("cp1256", "Windows-1256", _ARABIC, 0.8, _OTHER),
    _Candidate("cp874", "Windows-874", _THAI, 0.7, (0.1, 1.0)),
)
LEGACY_WORDS = {candidate.encoding: candidate.words for candidate in _CANDIDATES}
"""What these encodings are called."""


def legacy_encoding(open_file: Callable[[], BinaryIO], *, is_sure: bool = False) -> str:
    """Return the encoding in which a file reads best, every byte of it a letter; nothing where none is plausible.

    With ``is_sure`` more than a few letters have to say so, or plain ones of the most common of these encodings.
    """
    sample = _sample(open_file)
    rated = sorted(((_rating(sample, one), -place) for place, one in enumerate(_CANDIDATES)), reverse=True)
    if is_sure and not _is_clear(sample):
        rated = [(rating, place) for rating, place in rated if _CANDIDATES[-place].encoding == "cp1252"]
        if _HALVES.search(sample.decode("cp1252", "replace")):
            return ""
    for rating, place in rated:
        if rating < _ENOUGH:
            break
        encoding = _CANDIDATES[-place].encoding
        if _reads_whole(open_file, encoding):
            return encoding
    return ""


def _sample(open_file: Callable[[], BinaryIO]) -> bytes:
    """Return lines with letters beyond ASCII."""
    found, size = list[bytes](), 0
    with open_file() as file:
        while size < _LOOKED_AT and (line := file.readline(_LOOKED_AT)):
            if not line.isascii():
                found.append(line)
                size += len(line)
    return b"".join(found)


def _is_clear(sample: bytes) -> bool:
    """Say whether there are letters enough to tell an encoding from noise."""
    return sum(byte > 0x7F for byte in sample) >= _SURE


def _rating(sample: bytes, candidate: _Candidate) -> float:
    # Where the last line was cut, a letter may be.
    text = sample.decode(candidate.encoding, "replace" if len(sample) >= _LOOKED_AT else "surrogateescape")
    letters = [pair for pair in pairwise(" " + text) if pair[1] > "\x7f"]
    if len(letters) < (1 if candidate.encoding == "cp1252" else _FEWEST) or any(
        "\udc80" <= letter <= "\udcff" for _, letter in letters
    ):
        return 0.0
    least, most = candidate.runs
    if not least <= sum(map(len, _RUN.findall(text))) / len(letters) <= most:
        return 0.0
    if candidate.telltale and not any(letter in text for letter in candidate.telltale):
        return 0.0
    common = set(candidate.common)
    # A capital behind a small letter is what a wrong encoding makes of a word.
    found = sum(letter in common and not (letter.isupper() and before.islower()) for before, letter in letters)
    return found / len(letters) / candidate.share


def _reads_whole(open_file: Callable[[], BinaryIO], encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        with open_file() as file:
            while block := file.read(_BLOCK):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
