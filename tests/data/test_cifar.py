import shutil

import numpy as np
import pytest
import torch

from repro import paths
from repro.config import Data
from repro.data import cifar, load_dataset


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder in the official layout with generated pixels; labels are 0 to 9 in turn."""
    folder = tmp_path_factory.mktemp("cifar") / cifar.FOLDER
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*cifar.TRAIN_FILES, cifar.TEST_FILE):
        records = rng.integers(0, 256, (10_000, 3073), np.uint8)
        records[:, 0] = np.arange(10_000) % 10
        records.tofile(folder / name)
    return folder


def test_pixels_are_read_plane_by_plane(whole):
    images, labels = cifar.read_batch(whole / cifar.TEST_FILE)
    raw = (whole / cifar.TEST_FILE).read_bytes()
    assert labels[1] == raw[3073] == 1
    assert images[0, 0, 0].tolist() == [raw[1], raw[1 + 1024], raw[1 + 2048]]
    assert images[0, 0, 1, 0] == raw[2]
    assert images[0, 1, 0, 2] == raw[1 + 2048 + 32]


def test_all_images_are_there(whole):
    dataset = cifar.load(whole)
    assert (len(dataset.train), len(dataset.test), dataset.classes[3]) == (50_000, 10_000, "cat")


def test_a_missing_folder_names_the_command():
    with pytest.raises(cifar.DataError, match="repro data fetch cifar10"):
        load_dataset(Data("cifar10"))


def test_a_truncated_file_is_named(tmp_path):
    file = tmp_path / "data_batch_1.bin"
    file.write_bytes(b"\0" * 1000)
    with pytest.raises(cifar.DataError, match=r"data_batch_1\.bin is damaged: 1,000 bytes where 30,730,000"):
        cifar.load(tmp_path)


def test_a_label_out_of_range_is_named(tmp_path):
    file = tmp_path / "data_batch_1.bin"
    records = np.zeros((10_000, 3073), np.uint8)
    records[77, 0] = 10
    records.tofile(file)
    with pytest.raises(cifar.DataError, match="image 77 has label 10"):
        cifar.load(tmp_path)


def test_repro_data_is_where_it_is_looked_for(whole, monkeypatch):
    monkeypatch.setenv("REPRO_DATA", str(whole.parent))
    assert paths.data() == whole.parent
    assert len(cifar.load().test) == 10_000


def test_data_that_lie_elsewhere_or_were_replaced_are_read_anew(whole, tmp_path, monkeypatch):
    config = Data("cifar10", train_images=5, test_images=5)
    monkeypatch.setenv("REPRO_DATA", str(whole.parent))
    first = load_dataset(config)
    assert load_dataset(config) is first, "what is unchanged is not read twice"
    other = tmp_path / "other" / cifar.FOLDER
    shutil.copytree(whole, other)
    records = np.fromfile(other / cifar.TEST_FILE, np.uint8)
    records.reshape(-1, cifar.RECORD_BYTES)[:, 1:] ^= 1
    records.tofile(other / cifar.TEST_FILE)
    monkeypatch.setenv("REPRO_DATA", str(other.parent))
    second = load_dataset(config)
    assert not torch.equal(second.test.images, first.test.images)
    shutil.copy(whole / cifar.TEST_FILE, other / "new")
    (other / "new").replace(other / cifar.TEST_FILE)
    assert torch.equal(load_dataset(config).test.images, first.test.images)
    shutil.rmtree(other)
    with pytest.raises(cifar.DataError, match="CIFAR-10 is not here"):
        load_dataset(config)
