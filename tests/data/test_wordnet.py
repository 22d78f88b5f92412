import zipfile

import nltk
import pytest

from repro.config import ConfigError
from repro.data import classes, wordnet
from repro.data.files import DataError

TENCH = "01440764 05 n 02 tench 0 Tinca_tinca 0 002 @ 01439121 n 0000 #m 01440655 n 0000 | a fish"
INSTANCE = "08524735 15 n 01 city_of_light 0 001 @i 08524736 n 0000 | Paris"
ROOT = "00001740 03 n 01 entity 0 003 ~ 00001930 n 0000 ~ 00002137 n 0000 ~ 04424418 n 0000 | that which is"
SMALL = f"  1 a line of the licence\n{ROOT}\n{TENCH.replace('01439121', '00001740')}\n"


@pytest.fixture(autouse=True)
def _fresh():
    wordnet.read_wordnet.cache_clear()
    yield
    wordnet.read_wordnet.cache_clear()


def test_a_line_is_read_by_its_counts():
    assert wordnet.parse_synset(TENCH) == wordnet.Synset("n01440764", "tench", "n01439121")
    assert wordnet.parse_synset(INSTANCE) == wordnet.Synset("n08524735", "city of light", "n08524736")
    assert wordnet.parse_synset(ROOT).parent == ""


def test_the_count_of_words_is_hexadecimal():
    words = " ".join(f"w{n} 0" for n in range(16))
    assert wordnet.parse_synset(f"00000001 05 n 10 {words} 001 @ 00000002 n 0000 | x").parent == "n00000002"


def test_the_path_goes_from_the_root_to_the_class():
    path = [wordnet.read_snapshot()[wnid].word for wnid in wordnet.ancestry("n01440764")]
    assert (path[0], path[-1]) == ("entity", "tench")
    assert path.index("animal") < path.index("vertebrate") < path.index("fish")


def test_every_class_of_imagenet_and_cifar_100_has_a_path_from_the_same_root():
    wnids = [*classes.class_ids(), *wordnet.read_cifar100().values()]
    assert len(wordnet.read_cifar100()) == len(set(wordnet.read_cifar100().values())) == 100
    assert {wordnet.ancestry(wnid)[0] for wnid in wnids} == {"n00001740"}
    assert min(len(wordnet.ancestry(wnid)) for wnid in wnids) > 4


def test_a_noun_of_the_snapshot_bears_the_word_that_timm_gives_it():
    for wnid in classes.class_ids():
        assert wordnet.read_snapshot()[wnid].word == classes.lemmas()[wnid].partition(",")[0]


def test_an_unknown_id_is_named_with_the_mend():
    with pytest.raises(ConfigError, match=r"no noun 'n99999999' among the 1,866 .*wordnet-base"):
        wordnet.ancestry("n99999999")


def test_without_wordnet_the_mend_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(wordnet, "nltk_text", lambda: "")
    with pytest.raises(DataError, match=r"WordNet 3\.0 is not here.*wordnet-base"):
        wordnet.read_wordnet(tmp_path / "data.noun")


@pytest.mark.parametrize("packed", [False, True])
def test_nltks_wordnet_is_read_unpacked_and_packed(packed, tmp_path, monkeypatch):
    corpora = tmp_path / "corpora"
    corpora.mkdir()
    if packed:
        with zipfile.ZipFile(corpora / "wordnet.zip", "w") as archive:
            archive.writestr("wordnet/data.noun", SMALL)
            archive.writestr("wordnet/", "")
    else:
        (corpora / "wordnet").mkdir()
        (corpora / "wordnet" / "data.noun").write_text(SMALL)
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    assert wordnet.ancestry("n01440764", wordnet.read_wordnet()) == ("n00001740", "n01440764")


def test_the_snapshot_is_what_the_command_would_write_anew():
    if not wordnet.nltk_text() and not wordnet.DEBIAN.is_file():
        pytest.skip("WordNet 3.0 is not installed: apt-get install wordnet-base")
    wnids = [*classes.class_ids(), *wordnet.read_cifar100().values()]
    assert wordnet.snapshot_text(wnids, wordnet.read_wordnet()) == wordnet.SNAPSHOT.read_text()
    assert wordnet.SNAPSHOT.stat().st_size < 200_000
