"""WordNet's nouns as a tree: the hypernyms that paper C (section 3.3) merges classes by.

A class is a WordNet id such as n01440764, its part of speech and offset in WordNet 3.0. Where several hypernyms are
given, the first one counts, so that every id has one path to the root `entity`. The paths of the 1,000 ImageNet classes
and of CIFAR-100's labels come with the package; those of any other noun need WordNet 3.0 itself, found in NLTK's
`nltk_data` or where Debian's `wordnet-base` puts it.
"""

import functools
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from repro.config import ConfigError
from repro.data.files import DataError

SNAPSHOT = Path(__file__).with_name("wordnet.tsv")
CIFAR100 = Path(__file__).with_name("cifar100_wordnet.tsv")
DEBIAN = Path("/usr/share/wordnet/data.noun")
NOTICE = (
    "# WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved. Hypernym paths of nouns, cut from it."
)
MEND = "install Debian's wordnet-base, or NLTK's corpus with `python -m nltk.downloader wordnet`"


@dataclass(frozen=True)
class Synset:
    """A noun: its id, its first word, and the id of its first hypernym ('' for the root)."""

    id: str
    word: str
    parent: str


Nouns = dict[str, Synset]


def ancestry(wnid: str, nouns: Nouns | None = None) -> tuple[str, ...]:
    """Ids from the root down to a noun, itself included. Raises ConfigError for one that is unknown."""
    nouns = read_snapshot() if nouns is None else nouns
    if wnid not in nouns:
        raise ConfigError(f"no noun {wnid!r} among the {len(nouns):,} that are known here; {MEND}")
    path = [wnid]
    while parent := nouns[path[-1]].parent:
        path.append(parent)
    return tuple(reversed(path))


@functools.cache
def read_snapshot() -> Nouns:
    """The nouns that come with the package: ImageNet's classes, CIFAR-100's labels, and all above them."""
    rows = (line.split("\t") for line in SNAPSHOT.read_text().splitlines() if not line.startswith("#"))
    return {wnid: Synset(wnid, word, parent) for wnid, word, parent in rows}


def snapshot_text(wnids: Iterable[str], nouns: Nouns) -> str:
    """What the snapshot of these nouns holds: id, word and parent a line, sorted by id, after the notice."""
    kept = sorted({above for wnid in wnids for above in ancestry(wnid, nouns)})
    lines = (f"{nouns[k].id}\t{nouns[k].word}\t{nouns[k].parent}" for k in kept)
    return "\n".join([NOTICE, *lines, ""])


def known_nouns(wnids: Iterable[str]) -> Nouns:
    """The snapshot where it has all these ids, else all of WordNet. Raises DataError where it is needed and absent."""
    return read_snapshot() if set(wnids) <= read_snapshot().keys() else read_wordnet()


@functools.cache
def read_wordnet(file: Path = DEBIAN) -> Nouns:
    """Every noun of an installed WordNet 3.0 (82,115): NLTK's where it has it, else a file's. Raises DataError."""
    text = nltk_text() if file == DEBIAN else ""
    if not text and not file.is_file():
        raise DataError(f"WordNet 3.0 is not here: neither in NLTK's data nor as {file}; {MEND}")
    lines = (line for line in (text or file.read_text()).splitlines() if not line.startswith(" "))
    return {noun.id: noun for noun in map(parse_synset, lines)}


def nltk_text() -> str:
    """`data.noun` of NLTK's WordNet, unpacked or not; nothing where it has none."""
    import nltk

    try:
        with nltk.data.find("corpora/wordnet/data.noun").open() as stream:
            return str(stream.read().decode())
    except (LookupError, OSError):
        return ""


def parse_synset(line: str) -> Synset:
    """A line of `data.noun`: offset, file, type, count of words (hexadecimal), words, count of pointers, pointers."""
    fields = line.partition(" | ")[0].split()
    after_words = 4 + 2 * int(fields[3], 16)
    pointers = fields[after_words + 1 :]
    kinds, targets = pointers[::4], pointers[1::4]
    parent = next((target for kind, target in zip(kinds, targets, strict=True) if kind in ("@", "@i")), "")
    return Synset(f"n{fields[0]}", fields[4].replace("_", " "), f"n{parent}" if parent else "")


def read_cifar100() -> dict[str, str]:
    """WordNet id of each of CIFAR-100's fine labels; the senses were chosen by hand."""
    return dict(line.split("\t")[:2] for line in CIFAR100.read_text().splitlines())
