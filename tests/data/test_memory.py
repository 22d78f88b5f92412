import os

import pytest

from repro.data.memory import KEPT, nothing_remembered, remember


@pytest.fixture
def load(tmp_path):
    """A loader of text files by name, and what it has read."""
    read = []

    @remember(lambda name: [tmp_path / name])
    def text_of(name):
        read.append(name)
        return (tmp_path / name).read_text()

    text_of.read = read
    with nothing_remembered():
        yield text_of


def test_what_is_unchanged_is_read_once(load, tmp_path):
    (tmp_path / "a").write_text("one")
    assert [load("a"), load("a"), load.read] == ["one", "one", ["a"]]


def test_a_replaced_file_is_read_again_even_if_size_and_time_are_the_same(load, tmp_path):
    (tmp_path / "a").write_text("one")
    load("a")
    (tmp_path / "b").write_text("two")
    times = (tmp_path / "a").stat()
    os.utime(tmp_path / "b", ns=(times.st_atime_ns, times.st_mtime_ns))
    (tmp_path / "b").replace(tmp_path / "a")
    assert load("a") == "two"


def test_a_file_that_appears_is_noticed(load, tmp_path):
    with pytest.raises(FileNotFoundError):
        load("a")
    (tmp_path / "a").write_text("one")
    assert load("a") == "one"


def test_the_last_ones_used_are_kept(load, tmp_path):
    names = [str(number) for number in range(KEPT + 1)]
    for name in names:
        (tmp_path / name).write_text(name)
    for name in (*names[:-1], names[0], names[-1], names[0]):
        load(name)
    assert load.read == names, "the first was used again, so another one had to go"
    load(names[1])
    assert load.read == [*names, names[1]]


def test_what_was_remembered_is_there_again_afterwards(load, tmp_path):
    (tmp_path / "a").write_text("one")
    load("a")
    with nothing_remembered():
        load("a")
        load("a")
    load("a")
    assert load.read == ["a", "a"]
