import errno
import os

import pytest
import torch

from repro.disk import StoreFull, write_bytes
from repro.training.checkpoint import DamagedFile, load_tensors, save_tensors


def test_what_is_written_is_read(tmp_path):
    tensors = {"a": torch.randn(3, 4).t(), "b": torch.tensor(3), "c": torch.zeros(2, dtype=torch.bool)}
    save_tensors(tmp_path / "x", tensors, {"step": 3})
    found, meta = load_tensors(tmp_path / "x")
    assert meta == {"step": 3}
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_flipped_byte_is_found(tmp_path, place):
    file = tmp_path / "x"
    save_tensors(file, {"a": torch.randn(10)})
    content = bytearray(file.read_bytes())
    content[place] ^= 1
    file.write_bytes(content)
    with pytest.raises(DamagedFile, match="x"):
        load_tensors(file)


def test_a_file_cut_short_or_missing_is_found(tmp_path):
    file = tmp_path / "x"
    save_tensors(file, {"a": torch.randn(10)})
    file.write_bytes(file.read_bytes()[:-5])
    for broken in (file, tmp_path / "nowhere"):
        with pytest.raises(DamagedFile):
            load_tensors(broken)


def test_a_full_disk_loses_nothing_and_names_the_mend(tmp_path, monkeypatch):
    file = tmp_path / "x"
    write_bytes(file, b"old")

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreFull, match=r"No space left.*REPRO_HOME"):
        write_bytes(file, b"new")
    assert file.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]
