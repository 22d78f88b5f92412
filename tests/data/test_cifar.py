import json
from pathlib import Path

import numpy as np
import pytest

from repro import paths
from repro.config import Data
from repro.data import cifar, load_dataset
from repro.data.files import DataError

LAYOUTS = {"cifar10": cifar.CIFAR10, "cifar100": cifar.CIFAR100}
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def generate(folder, layout):
    """Files in the official layout with generated pixels; labels count up, coarse ones are a fifth of them."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, images in (layout.train | layout.test).items():
        records = rng.integers(0, 256, (images, layout.label_bytes + cifar.PIXEL_BYTES), np.uint8)
        records[:, layout.label_bytes - 1] = np.arange(images) % len(layout.classes)
        if layout.label_bytes == 2:
            records[:, 0] = records[:, 1] // 5
        records.tofile(folder / name)
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A folder with both data sets."""
    folder = tmp_path_factory.mktemp("data")
    for layout in LAYOUTS.values():
        generate(folder / layout.folder, layout)
    return folder


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_pixels_are_read_plane_by_plane_and_the_label_is_the_last_byte(layout, whole):
    file = next(iter(layout.test))
    split = cifar.make_split(layout, cifar.read_records(layout, whole / layout.folder / file, 10_000))
    raw = (whole / layout.folder / file).read_bytes()[layout.label_bytes + 3072 :]  # from the second image on
    label, pixels = raw[layout.label_bytes - 1], raw[layout.label_bytes :]
    assert split.labels[1] == label == 1
    assert split.images[1, 0, 0].tolist() == [pixels[0], pixels[1024], pixels[2048]]
    assert split.images[1, 0, 1, 0] == pixels[1]
    assert split.images[1, 1, 0, 2] == pixels[2048 + 32]


def test_all_images_are_there(whole):
    dataset = cifar.load(whole / cifar.CIFAR10.folder)
    assert (len(dataset.train), len(dataset.test), dataset.classes[3]) == (50_000, 10_000, "cat")
    dataset = cifar.load_cifar100(whole / cifar.CIFAR100.folder)
    assert (len(dataset.train), len(dataset.test), dataset.name) == (50_000, 10_000, "cifar100")
    assert dataset.train.labels.bincount().tolist() == [500] * 100


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_names_of_the_classes_are_the_publishers(name):
    meta = SHARED / name / "meta.json"
    if not meta.exists():
        pytest.skip("the publisher's names are not at hand: no shared data")
    assert list(LAYOUTS[name].classes) == json.loads(meta.read_text())["fine_label_names"]


def test_a_missing_folder_names_the_command():
    with pytest.raises(DataError, match="repro data fetch cifar10"):
        load_dataset(Data("cifar10"))
    with pytest.raises(
        DataError, match=r"CIFAR-100 is not here: no file .*train\.bin; mend it with `repro data fetch cifar100"
    ):
        cifar.load_cifar100()


def test_a_truncated_file_is_named(tmp_path):
    (tmp_path / "data_batch_1.bin").write_bytes(b"\0" * 1000)
    with pytest.raises(DataError, match=r"data_batch_1\.bin is damaged: 1,000 bytes where 30,730,000"):
        cifar.load(tmp_path)
    (tmp_path / "train.bin").write_bytes(b"\0" * 30_730_000)
    with pytest.raises(DataError, match=r"train\.bin is damaged: 30,730,000 bytes where 153,700,000 belong"):
        cifar.load_cifar100(tmp_path)


def test_a_label_out_of_range_is_named(tmp_path):
    records = np.zeros((10_000, 3073), np.uint8)
    records[77, 0] = 10
    records.tofile(tmp_path / "data_batch_1.bin")
    with pytest.raises(DataError, match="image 77 has label 10, over 9"):
        cifar.load(tmp_path)


def test_repro_data_is_where_it_is_looked_for(whole, monkeypatch):
    monkeypatch.setenv("REPRO_DATA", str(whole))
    assert paths.data() == whole
    assert len(cifar.load().test) == 10_000
