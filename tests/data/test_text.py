from pathlib import Path

import numpy as np
import pytest
import torch

from repro import paths
from repro.config import Texts
from repro.data import text
from repro.data.content import ALLOW
from repro.data.files import DataError
from repro.data.text import TextError, load_texts

PUBLISHED = [
    '"3","Oil, up","Prices ""rose"" again"',
    '"1","Talks","No end; yet"',
    '"4","A chip","Fast"',
    '"2","Cup","Won"',
]
SMALL = ["label,text", '2,"Oil, up . Prices ""rose"" again"', "0,Talks . No end; yet"]
WORDNET = Path("/usr/share/wordnet/data.noun")
LEXICOGRAPHER_FILES = {5: "animal", 6: "artefact", 18: "person", 20: "plant"}


@pytest.fixture(autouse=True)
def allow_other_texts(monkeypatch):
    monkeypatch.setenv(ALLOW, "1")


def write(name, lines):
    file = paths.data() / text.FOLDER / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
    return file


def test_the_published_layout_joins_title_and_description_and_counts_labels_from_one():
    texts, labels = text.read_csv(write(text.TRAIN_FILE, PUBLISHED))
    assert texts[0] == 'Oil, up Prices "rose" again'
    assert labels.tolist() == [2, 0, 3, 1]


def test_the_layout_with_a_header_counts_labels_from_zero():
    texts, labels = text.read_csv(write(text.SMALL_TRAIN_FILE, SMALL))
    assert texts[1] == "Talks . No end; yet"
    assert labels.tolist() == [2, 0]


def test_the_vocabulary_is_that_of_the_training_texts_and_other_words_are_unknown():
    write(text.TRAIN_FILE, PUBLISHED[1:3])  # talks no end yet / a chip fast: seven words and the unknown one
    write(text.TEST_FILE, ['"2","Talks","went fast"', '"2","",""'])
    data = load_texts(Texts("ag-news"))
    assert data.words == 8
    assert data.test.offsets.tolist() == [0, 3, 4], "a text without a word is one unknown word"
    assert data.test.tokens[1] == data.test.tokens[3] == 0
    assert data.test.tokens[[0, 2]].min() > 0


def test_texts_that_changed_or_lie_elsewhere_are_read_anew(tmp_path, monkeypatch):
    write(text.TRAIN_FILE, PUBLISHED[1:3])
    write(text.TEST_FILE, PUBLISHED[1:3])
    first = load_texts(Texts("ag-news"))
    assert load_texts(Texts("ag-news")) is first
    write(text.TRAIN_FILE, PUBLISHED[1:4])
    assert len(load_texts(Texts("ag-news")).train) == 3
    monkeypatch.setenv("REPRO_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(TextError, match="AG News is not here"):
        load_texts(Texts("ag-news"))


def test_texts_are_taken_in_any_order():
    bags = text.Bags(torch.arange(10), torch.tensor([0, 3, 4, 10]), torch.tensor([0, 1, 2]))
    tokens, offsets = bags.take(torch.tensor([2, 0, 0]))
    assert tokens.tolist() == [4, 5, 6, 7, 8, 9, 0, 1, 2, 0, 1, 2]
    assert offsets.tolist() == [0, 6, 9]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (['"3","Oil"'], r"train\.csv, text 1: 2 columns where 3 belong"),
        ([*PUBLISHED, '"5","a","b"'], r"text 5: label '5' is none of 1, 2, 3, 4"),
        (["label,text", "0,a", "4,b"], r"text 2: label '4' is none of 0, 1, 2, 3"),
        (["label,text", "0,a,b"], r"text 1: 3 columns where 2 belong"),
        (["label,text"], r"train\.csv holds no text"),
    ],
)
def test_a_damaged_file_is_named_with_the_line_and_the_mend(lines, said):
    with pytest.raises(TextError, match=said + r".*; mend it with `repro data fetch ag_news`"):
        text.read_csv(write(text.TRAIN_FILE, lines))


def test_a_file_that_is_no_text_is_named():
    file = write(text.TRAIN_FILE, PUBLISHED)
    file.write_bytes(b'"1","\xff\xfe","b"\n')
    with pytest.raises(TextError, match=r"train\.csv is damaged: .*utf-8"):
        text.read_csv(file)


def test_a_missing_file_names_the_command():
    with pytest.raises(TextError, match=r"no file .*train\.csv; mend it with `repro data fetch ag_news`"):
        text.read_news(Texts("ag-news"))


def test_texts_are_compared_with_the_published_files(monkeypatch):
    files = write(text.TRAIN_FILE, PUBLISHED), write(text.TEST_FILE, PUBLISHED[:2])
    small = write(text.SMALL_TRAIN_FILE, SMALL)
    whole, part = Texts("ag-news"), Texts("ag-news-10k")
    md5s = [text.file_md5(file) for file in (*files, small)]
    monkeypatch.setattr(text, "CHECKSUMS", {"published": (md5s[0], md5s[1]), "known": (md5s[2], md5s[1])})
    monkeypatch.delenv(ALLOW)
    assert load_texts(whole).origin == "published"
    assert load_texts(part).origin == "known"
    assert load_texts(Texts("glosses")).origin == "package"
    write(text.TRAIN_FILE, PUBLISHED[::-1])
    said = rf"the texts of .*train\.csv and test\.csv differ from those published; mend it with .*, or set {ALLOW}=1"
    with pytest.raises(DataError, match=said):
        load_texts(whole)
    monkeypatch.setenv(ALLOW, "1")
    assert load_texts(whole).origin == "other"


@pytest.mark.parametrize("name", ["ag-news", "ag-news-10k"])
def test_the_small_file_is_no_part_of_the_published_data_set(name, monkeypatch):
    """The small layout joins title and description otherwise, so the two are not mixed without a word."""
    write(text.TEST_FILE, PUBLISHED)
    write(text.TRAIN_FILE if name == "ag-news" else text.SMALL_TRAIN_FILE, PUBLISHED)
    known, published = text.CHECKSUMS["known"], text.CHECKSUMS["published"]
    mixed = {
        "train.csv": published[0],
        "train_10k.csv": known[0],
        "test.csv": published[1] if "10k" in name else known[1],
    }
    monkeypatch.setattr(text, "file_md5", lambda file: mixed[file.name])
    assert text.news_origin(*text.news_files(Texts(name))) == "other"


def test_more_texts_than_there_are_cannot_be_asked_for():
    write(text.TRAIN_FILE, PUBLISHED)
    write(text.TEST_FILE, PUBLISHED)
    with pytest.raises(ValueError, match="9 texts asked for; there are 4"):
        load_texts(Texts("ag-news", train_texts=9))


def test_the_small_set_is_its_own_file_or_a_fixed_draw_of_the_published_one(monkeypatch):
    write(text.TRAIN_FILE, PUBLISHED)
    write(text.TEST_FILE, PUBLISHED)
    monkeypatch.setattr(text, "SMALL", 3)
    (drawn, labels), _ = text.read_news(Texts("ag-news-10k"))
    assert len(set(drawn)) == len(labels) == 3
    assert drawn == text.read_news(Texts("ag-news-10k"))[0][0]
    write(text.SMALL_TRAIN_FILE, SMALL)
    assert text.read_news(Texts("ag-news-10k"))[0][1].tolist() == [2, 0]


def test_glosses_are_split_without_a_gloss_in_both_parts():
    (train, train_labels), (test, test_labels) = text.read_glosses()
    assert len(train) == len(train_labels) > 15_000
    assert len(test) == len(test_labels) == text.TEST_GLOSSES
    assert len({*train, *test}) == len(train) + len(test)
    assert set(train_labels) == set(test_labels) == {0, 1, 2, 3}


def test_a_gloss_is_a_definition_with_the_right_label():
    labelled = dict(text.labelled_glosses())
    assert list(text.GLOSS_RANGES)[labelled["a long-haired breed of cat"]] == "animal"
    assert list(text.GLOSS_RANGES)[labelled["someone who plays the flute"]] == "person"


@pytest.mark.skipif(not WORDNET.exists(), reason="WordNet 3.0 is not installed: apt-get install wordnet-base")
def test_the_ranges_of_numbers_are_the_files_of_wordnet():
    rows = [line.split(maxsplit=2)[:2] for line in WORDNET.read_text().splitlines() if not line.startswith(" ")]
    wrong = [
        number
        for number, file in rows
        if (label := text.gloss_label(f"n{number}")) is not None or int(file) in LEXICOGRAPHER_FILES
        if LEXICOGRAPHER_FILES.get(int(file)) != (None if label is None else list(text.GLOSS_RANGES)[label])
    ]
    assert len(rows) > 80_000
    assert wrong == []


def test_the_checksum_sees_texts_and_labels():
    split = (["a", "b"], np.array([0, 1]))
    assert text.checksum(split) != text.checksum((["a", "c"], split[1]))
    assert text.checksum(split) != text.checksum((split[0], np.array([1, 1])))
