"""Words of a text and their numbers, as the torchtext tutorial that Table 12 of paper C follows has them.

Torchtext itself is archived and tied to an old torch, so its `basic_english` rule is written out here: lower case,
punctuation apart or dropped, split at blanks. Words are single, and every word of the training texts counts.
"""

import re
from collections import Counter
from collections.abc import Iterable

UNKNOWN = "<unk>"  # the word of number 0
APART = re.compile(r"(['.,()!?])")  # stand as words of their own
BLANK = re.compile(r"<br />|[;:]")


def tokenise(text: str) -> list[str]:
    """The words of a text by the rule `basic_english`."""
    text = BLANK.sub(" ", text.lower()).replace('"', "")
    return APART.sub(r" \1 ", text).split()


class Vocabulary:
    """Numbers of words, commonest first and equally common ones by spelling; 0 is a word that is not in it."""

    def __init__(self, words: Iterable[str]) -> None:
        self.numbers = {UNKNOWN: 0} | {word: number for number, word in enumerate(words, start=1)}

    @classmethod
    def of(cls, texts: Iterable[list[str]]) -> "Vocabulary":
        """Every word of the texts."""
        counts = Counter(word for text in texts for word in text if word != UNKNOWN)
        return cls(sorted(counts, key=lambda word: (-counts[word], word)))

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, word: str) -> int:
        return self.numbers.get(word, 0)
