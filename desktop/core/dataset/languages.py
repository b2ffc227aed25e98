"""Which language a text is in, told by its letters and its smallest words: a guess that says when it does not know."""

from __future__ import annotations

import re
from collections import Counter
from itertools import chain

UNKNOWN = "unknown"
CODE = "code"
_LOOKED_AT = 600
_WORDS = re.compile(r"[^\W\d_]+")
_FEWEST = 4

# Small words that are common in one language and rare in the others of its script.
_SMALL: dict[str, str] = {
    "English": "a i in on an my if how do we they the of and to is that for it was with as you this be from not",
    "German": "der die und das ist nicht ein eine mit auf für sich den dem von zu werden auch wird sind oder wie ich",
    "French": "le les et des est une dans que pour qui sur pas au avec par sont plus vous ce il du cette nous ou je",
    "Spanish": "el los que en una por con para las es del se lo como más pero sus su al está son muy cómo qué",
    "Portuguese": "os que em uma por com para as é do da não se na no um como mais dos das são você foi ao ou",
    "Italian": "il di che un una per con non sono della del è le la si come gli nel alla più anche dei questo",
    "Dutch": "de het een en van is dat op te niet met voor zijn er aan ook als bij maar worden naar om heeft je",
    "Swedish": "och att det som en är på för av med inte den till har ett om jag kan du de var eller från vi",
    "Danish": "og at det er en på til af for med ikke den som har de et jeg kan du der var eller fra vi hvad",
    "Norwegian": "og å det er en på til av for med ikke den som har et jeg kan du de var eller fra vi hva ble",
    "Finnish": "ja on ei se että joka mutta ovat kun hän oli niin myös tai sen mitä voi olla kuin jos ole tämä",
    "Polish": "nie na się do jest to że jak co po tak ale od za przez czy są dla może tym jego oraz",
    "Czech": "se na je že to do jako ale pro by jsem jsou které nebo tak co po bylo při být",
    "Romanian": "și în de la cu nu este un pe care din pentru mai sunt că să al ale fi sau dar prin ce între",
    "Hungarian": "az és hogy nem is egy van ez meg de azt csak mint vagy ha el volt már még kell lehet minden",
    "Turkish": "ve bir bu için ile da de çok olarak ne daha olan en gibi mi kadar var ben o sonra ama veya her",
    "Indonesian": "yang dan di ini untuk dengan dari tidak pada itu adalah dalam akan atau ke juga bisa saya anda oleh",
    "Vietnamese": "là và của có không cho một được các trong người với những này để khi đã về như làm thì tôi",
    "Catalan": "el els que en una per amb les és del se com més però seu al són molt què aquest aquesta dels",
    "Basque": "eta da ez bat zuen dira du izan ere baina egin zen dute hau bere edo den beste duen dago baino",
    "Russian": "и в не на что с как это по но из у за от для то так же все он мы вы или бы если быть который",
    "Ukrainian": "і в не на що з як це та до у але за від для то так або є він ми ви якщо бути який був щоб",
    "Bulgarian": "и в не на че с как това по но от за са да се е или ако бъде който си ще ни като има може",
    "Persian": "و در به از که این را با است برای آن یک خود تا می بر هم نیز شود ها های شده کرد اگر",
    "Arabic": "في من على إلى أن هذا التي هذه عن مع ما لا كان أو هو هي كل بعد ذلك قد الذي بين لم إن و",
    "Urdu": "کے کی میں ہے اور سے کا کو نے پر یہ اس ہیں کہ ایک بھی تو نہیں ہو کر لیے جو گیا تھا",
}
_OF_WORD: dict[str, list[str]] = {}
for _language, _words in _SMALL.items():
    for _word in _words.split():
        _OF_WORD.setdefault(_word, []).append(_language)

# Scripts that one language writes, by their blocks of letters; Han is Chinese where no kana stands beside it.
_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("Japanese", re.compile(r"[\u3040-\u30ff]")),
    ("Korean", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("Chinese", re.compile(r"[\u4e00-\u9fff\u3400-\u4dbf]")),
    ("Thai", re.compile(r"[\u0e00-\u0e7f]")),
    ("Hindi", re.compile(r"[\u0900-\u097f]")),
    ("Bengali", re.compile(r"[\u0980-\u09ff]")),
    ("Tamil", re.compile(r"[\u0b80-\u0bff]")),
    ("Hebrew", re.compile(r"[\u0590-\u05ff]")),
    ("Greek", re.compile(r"[\u0370-\u03ff]")),
    ("Georgian", re.compile(r"[\u10a0-\u10ff]")),
    ("Armenian", re.compile(r"[\u0530-\u058f]")),
)
_ANY_SCRIPT = re.compile(f"[{''.join(script.pattern[1:-1] for _, script in _SCRIPTS)}]")
_CODE = re.compile(
    r"[{};]\s*$|^\s*(def |class |import |#include|function |public |SELECT )|\w\(.*\)|=>|==", re.MULTILINE
)


def language_of(written: bytes) -> str:
    """Return the language of a text as JSON writes it, or ``unknown``; ``code`` for what is mostly no prose."""
    text = written[:_LOOKED_AT].replace(b"\\n", b"\n").decode("utf-8", "ignore")
    # Letters beyond ASCII are mostly quotation marks and accents, for which nobody has to try script after script.
    if not text.isascii() and _ANY_SCRIPT.search(text):
        letters = sum(map(str.isalpha, text))
        for language, script in _SCRIPTS:
            found = len(script.findall(text))
            # A letter of these says as much as several of an alphabet; a kana beside Han makes it Japanese.
            if found * (10 if language == "Japanese" else 3) > letters:
                return language
    words = _WORDS.findall(text.lower())
    # A word that several languages share counts for each of them, and so decides nothing between them.
    votes = Counter(chain.from_iterable(filter(None, map(_OF_WORD.get, words))))
    if sum(votes.values()) * 8 < len(words) and len(_CODE.findall(text)) * 12 > len(words):
        return CODE
    first = votes.most_common(2)
    if not first or first[0][1] * 12 < len(words) or (len(words) < _FEWEST and first[0][1] < 2):
        return UNKNOWN
    return UNKNOWN if len(first) > 1 and first[0][1] == first[1][1] else first[0][0]
