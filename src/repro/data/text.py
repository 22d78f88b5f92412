"""Texts as bags of words: AG News (Zhang et al. 2015; paper C, App. I) and, where nothing can be downloaded, glosses.

A gloss is the definition of an ImageNet-21k synset, which timm ships. Its label is the WordNet file it was written in,
animal, artefact, person or plant. Timm ships no hierarchy, but a synset's number is its place in WordNet 3.0's list of
nouns, which is sorted by file; so four ranges of numbers are the labels, and a test checks them against WordNet itself.
"""

import csv
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from repro import paths
from repro.config.samples import Texts
from repro.data.content import Origin, check_allowed, file_md5
from repro.data.files import DataError
from repro.data.memory import remember
from repro.data.words import Vocabulary, tokenise

FOLDER = "ag_news"
TRAIN_FILE, SMALL_TRAIN_FILE, TEST_FILE = "train.csv", "train_10k.csv", "test.csv"
NEWS_CLASSES = ("world", "sports", "business", "science")
HEADER = ["label", "text"]  # of the small file's layout; the published one has no header
SMALL = 10_000  # texts
# MD5 of the training and of the test file: as published (stated by torchtext 0.18), and of the small layout.
CHECKSUMS: dict[Origin, tuple[str, str]] = {
    "published": ("b1a00f826fdfbd249f79597b59e1dc12", "d52ea96a97a2d943681189a97654912d"),
    "known": ("e2a870c9b4a0482b3a7fba2f908f728e", "289d83ca18bdfced20f7bc98ea5364a9"),
}
MEND = "mend it with `repro data fetch ag_news`, or point REPRO_DATA at a folder that holds ag_news/train.csv"
# First and last synset numbers of the WordNet 3.0 files noun.animal, noun.artifact, noun.person and noun.plant.
GLOSS_RANGES = {
    "animal": (1313093, 2665812),
    "artefact": (2665985, 4615728),
    "person": (9483738, 11408414),
    "plant": (11529603, 13240362),
}
TEST_GLOSSES = 3000


class TextError(DataError):
    """A text file that is missing or damaged; the message names the file, the line and the mend."""


@dataclass(frozen=True)
class Bags:
    """Texts as token ids, all in one tensor, and their labels."""

    tokens: Tensor  # (all tokens,) int64
    offsets: Tensor  # (texts + 1,): text i is tokens[offsets[i]:offsets[i + 1]]
    labels: Tensor  # (texts,) int64

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens and offsets (texts,) of the texts `ids`, as an EmbeddingBag takes them."""
        starts, lengths = self.offsets[ids], self.offsets[ids + 1] - self.offsets[ids]
        ends = lengths.cumsum(0)
        within = torch.arange(int(ends[-1])) - (ends - lengths).repeat_interleave(lengths)
        return self.tokens[starts.repeat_interleave(lengths) + within], ends - lengths


@dataclass(frozen=True)
class TextDataset:
    """Two splits, the names of the classes and how many words the training texts know, the unknown one included."""

    train: Bags
    test: Bags
    classes: tuple[str, ...]
    words: int
    checksum: str  # SHA-256 over texts and labels, first 12 hex digits
    origin: Origin = "package"


Labelled = tuple[list[str], np.ndarray]  # texts, labels (texts,)


def files_of(config: Texts) -> list[Path]:
    """The files that a config's texts may be read from."""
    names = () if config.name == "glosses" else (TRAIN_FILE, SMALL_TRAIN_FILE, TEST_FILE)
    return [paths.data() / FOLDER / name for name in names]


@remember(files_of)
def load_texts(config: Texts) -> TextDataset:
    """The texts of a config as bags of words; the vocabulary is that of its training texts.

    Raises DataError as `read_news` does, ValueError where fewer texts exist than asked for.
    """
    origin: Origin = "package" if config.name == "glosses" else news_origin(*news_files(config))
    splits, classes = (
        (read_glosses(), tuple(GLOSS_RANGES)) if config.name == "glosses" else (read_news(config), NEWS_CLASSES)
    )
    train, test = (
        first(split, count) for split, count in zip(splits, (config.train_texts, config.test_texts), strict=True)
    )
    vocabulary = Vocabulary.of(tokenise(text) for text in train[0])
    bags = [make_bags(split, vocabulary) for split in (train, test)]
    return TextDataset(bags[0], bags[1], classes, len(vocabulary), checksum(train, test), origin)


def first(split: Labelled, count: int) -> Labelled:
    """The first `count` texts, all for 0. Raises ValueError where there are fewer."""
    texts, labels = split
    if count > len(texts):
        raise ValueError(f"{count} texts asked for; there are {len(texts)}")
    return (texts[:count], labels[:count]) if count else split


def make_bags(split: Labelled, vocabulary: Vocabulary) -> Bags:
    """Texts as ids; a text without a word is one unknown word."""
    ids = [[vocabulary[word] for word in tokenise(text)] or [0] for text in split[0]]
    offsets = np.cumsum([0, *map(len, ids)])
    tokens = np.fromiter((i for text in ids for i in text), np.int64, offsets[-1])
    return Bags(torch.from_numpy(tokens), torch.from_numpy(offsets), torch.from_numpy(split[1]))


def checksum(*splits: Labelled) -> str:
    """First 12 hex digits of the SHA-256 over texts and labels."""
    digest = hashlib.sha256()
    for texts, labels in splits:
        digest.update("\n".join(texts).encode() + labels.astype("<i8").tobytes())
    return digest.hexdigest()[:12]


def news_files(config: Texts, folder: Path | None = None) -> tuple[Path, Path]:
    """Files of the training and test texts of AG News; the small one has its own or is drawn from the published one."""
    folder = folder or paths.data() / FOLDER
    small = folder / SMALL_TRAIN_FILE
    return small if config.name == "ag-news-10k" and small.is_file() else folder / TRAIN_FILE, folder / TEST_FILE


def news_origin(*files: Path) -> Origin:
    """Whose content the training and the test file have. Raises TextError where one is missing."""
    if lost := [file for file in files if not file.is_file()]:
        raise TextError(f"AG News is not here: no file {lost[0]}; {MEND}")
    found = tuple(map(file_md5, files))
    return next((origin for origin, checksums in CHECKSUMS.items() if found == checksums), "other")


def read_news(config: Texts, folder: Path | None = None) -> tuple[Labelled, Labelled]:
    """Training and test texts of AG News, title and description joined, labels from 0.

    The small one is the file train_10k.csv or, without it, 10,000 texts of the published file drawn with a fixed seed.
    Raises TextError where a file is missing or damaged, DataError where one is neither published nor known, unless
    `REPRO_ALLOW_OTHER_DATA` lets it in.
    """
    files = news_files(config, folder)
    origin = news_origin(*files)
    train, test = map(read_csv, files)
    if origin == "other":
        check_allowed(f"the texts of {files[0]} and {files[1].name}", MEND)
    if config.name == "ag-news-10k" and files[0].name == TRAIN_FILE:
        train = draw(train, SMALL)
    return train, test


def draw(split: Labelled, count: int) -> Labelled:
    """`count` of the texts, the same ones every time. Raises ValueError where there are fewer."""
    order = np.random.default_rng(0).permutation(len(split[0]))
    return first(([split[0][i] for i in order], split[1][order]), count)


def read_csv(file: Path) -> Labelled:
    """Texts and labels, as published (class 1 to 4, title, description) or under a header (label 0 to 3, text).

    Raises TextError where the file is empty, or a line is neither.
    """
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.reader(stream))
    except (UnicodeDecodeError, csv.Error) as error:
        raise TextError(f"{file} is damaged: {error}; {MEND}") from error
    lowest = 0 if rows[:1] == [HEADER] else 1
    body = rows[1 - lowest :]
    if not body:
        raise TextError(f"{file} holds no text; {MEND}")
    parsed = [parse_row(row, lowest, f"{file}, text {number}") for number, row in enumerate(body, start=1)]
    return [text for text, _ in parsed], np.array([label for _, label in parsed], np.int64)


def parse_row(row: list[str], lowest: int, where: str) -> tuple[str, int]:
    """Text and label from 0 of one row, whose labels count from `lowest`. Raises TextError, naming where."""
    columns = len(HEADER) + lowest  # a published row has one more, since its title is apart
    if len(row) != columns:
        raise TextError(f"{where}: {len(row)} columns where {columns} belong; {MEND}")
    allowed = [str(label) for label in range(lowest, lowest + len(NEWS_CLASSES))]
    if row[0] not in allowed:
        raise TextError(f"{where}: label {row[0]!r} is none of {', '.join(allowed)}; {MEND}")
    return " ".join(row[1:]), int(row[0]) - lowest


def read_glosses() -> tuple[Labelled, Labelled]:
    """Training and test glosses; a gloss that two synsets share is there once, so none is in both."""
    labelled = dict(sorted({gloss: label for gloss, label in labelled_glosses()}.items()))
    texts, labels = list(labelled), np.array(list(labelled.values()), np.int64)
    order = np.random.default_rng(0).permutation(len(texts))
    train, test = order[TEST_GLOSSES:], order[:TEST_GLOSSES]
    return ([texts[i] for i in train], labels[train]), ([texts[i] for i in test], labels[test])


def labelled_glosses() -> Iterator[tuple[str, int]]:
    """Every definition that timm ships of a synset in one of the four files, with its label."""
    from timm.data.imagenet_info import ImageNetInfo

    info = ImageNetInfo("imagenet-22k")
    for synset in info.label_names():
        label = gloss_label(synset)
        if label is not None:
            names, both = (info.label_name_to_description(synset, detailed=d) for d in (False, True))
            yield both.removeprefix(f"{names}: "), label


def gloss_label(synset: str) -> int | None:
    """The label of a synset such as n02123394 by its number, None where it lies in another file."""
    number = int(synset[1:])
    return next((i for i, (low, high) in enumerate(GLOSS_RANGES.values()) if low <= number <= high), None)
