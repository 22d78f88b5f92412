import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from repro import paths
from repro.config import ConfigError, Data
from repro.data import cifar, load_dataset
from repro.data.content import ALLOW, unordered_checksum
from repro.data.files import DataError

LAYOUTS = {"cifar10": cifar.CIFAR10, "cifar100": cifar.CIFAR100}
SMALL = replace(cifar.CIFAR10, train=dict.fromkeys(cifar.CIFAR10.train, 100), test={"test_batch.bin": 100})
SHARED = Path(__file__).resolve().parents[3] / "shared"
# Mean and standard deviation over the training pixels, as others have stated them.
STATED = {
    "cifar10": ([0.49139968, 0.48215841, 0.44653091], [0.24703223, 0.24348513, 0.26158784]),
    "cifar100": (
        [0.5070751592371323, 0.48654887331495095, 0.4409178433670343],
        [0.2673342858792401, 0.2564384629170883, 0.27615047132568404],
    ),
}


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


def as_published(layout, folder):
    """The layout of a publisher who gives out what is in the folder."""
    splits = [[np.fromfile(folder / name, np.uint8) for name in files] for files in (layout.train, layout.test)]
    size = layout.label_bytes + cifar.PIXEL_BYTES
    return replace(layout, published=tuple(unordered_checksum(np.concatenate(s).reshape(-1, size)) for s in splits))


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


def test_all_images_are_there(whole, monkeypatch):
    monkeypatch.setenv(ALLOW, "1")
    dataset = cifar.load(whole / cifar.CIFAR10.folder)
    assert (len(dataset.train), len(dataset.test), dataset.classes[3]) == (50_000, 10_000, "cat")
    dataset = cifar.load_cifar100(whole / cifar.CIFAR100.folder)
    assert (len(dataset.train), len(dataset.test), dataset.name) == (50_000, 10_000, "cifar100")
    assert dataset.train.labels.bincount().tolist() == [500] * 100


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_names_of_the_classes_are_the_publishers(name):
    meta = SHARED / "data" / name / "meta.json"
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
    monkeypatch.setenv(ALLOW, "1")
    assert paths.data() == whole
    assert len(cifar.load().test) == 10_000


def test_data_that_lie_elsewhere_or_were_replaced_are_read_anew(whole, tmp_path, monkeypatch):
    config = Data("cifar10", train_images=5, test_images=5)
    monkeypatch.setenv(ALLOW, "1")
    monkeypatch.setenv("REPRO_DATA", str(whole))
    first = load_dataset(config)
    assert load_dataset(config) is first, "what is unchanged is not read twice"
    other = tmp_path / "other" / cifar.CIFAR10.folder
    shutil.copytree(whole / cifar.CIFAR10.folder, other)
    records = np.fromfile(other / "test_batch.bin", np.uint8)
    records.reshape(-1, 1 + cifar.PIXEL_BYTES)[:, 1:] ^= 1
    records.tofile(other / "test_batch.bin")
    monkeypatch.setenv("REPRO_DATA", str(other.parent))
    second = load_dataset(config)
    assert not torch.equal(second.test.images, first.test.images)
    shutil.copy(whole / cifar.CIFAR10.folder / "test_batch.bin", other / "new")
    (other / "new").replace(other / "test_batch.bin")
    assert torch.equal(load_dataset(config).test.images, first.test.images)
    shutil.rmtree(other)
    with pytest.raises(DataError, match="CIFAR-10 is not here"):
        load_dataset(config)


@pytest.mark.parametrize("value", ["", "0", None])
@pytest.mark.parametrize(
    ("name", "train"), [("cifar10", "data_batch_1.bin to data_batch_5.bin"), ("cifar100", "train.bin")]
)
def test_other_images_than_those_published_are_refused(name, train, value, whole, monkeypatch):
    if value is not None:
        monkeypatch.setenv(ALLOW, value)
    layout = LAYOUTS[name]
    said = f"{layout.folder}: the images of {train} and of {min(layout.test)} differ from those published; mend it with"
    with pytest.raises(
        DataError, match=rf"{said} `repro data fetch {name}`, .*, or set {ALLOW}=1 to take them as they"
    ):
        cifar.read_dataset(layout, whole / layout.folder)


def test_other_images_can_be_allowed_and_the_data_set_says_so(whole, monkeypatch):
    monkeypatch.setenv("REPRO_DATA", str(whole))
    monkeypatch.setenv(ALLOW, "1")
    assert cifar.load().origin == "other"
    assert load_dataset(Data("cifar10", 10, 10)).origin == "other"
    monkeypatch.delenv(ALLOW)
    with pytest.raises(DataError, match="differ from those published"):
        cifar.load()
    monkeypatch.setenv(ALLOW, "yes")
    with pytest.raises(ConfigError, match=f"{ALLOW} must be 1 or 0; got 'yes'"):
        cifar.load()


def test_images_are_compared_in_any_order_and_every_byte_counts(tmp_path):
    folder = generate(tmp_path / "cifar", SMALL)
    layout = as_published(SMALL, folder)
    first = cifar.read_dataset(layout, folder)
    files = [folder / name for name in layout.train]
    records = np.concatenate([np.fromfile(file, np.uint8) for file in files]).reshape(500, -1)
    records = records[np.random.default_rng(1).permutation(len(records))]
    for file, part in zip(files, np.split(records, 5), strict=True):
        part.tofile(file)
    shuffled = cifar.read_dataset(layout, folder)
    assert first.origin == shuffled.origin == "published"
    assert first.checksum() != shuffled.checksum(), "a record tells the order"
    for column in (0, 3072):  # a label, the last pixel
        changed = records[:100].copy()
        changed[5, column] ^= 1
        changed.tofile(files[0])
        with pytest.raises(DataError, match=r"the images of data_batch_1.bin to data_batch_5.bin differ from"):
            cifar.read_dataset(layout, folder)
    records[:100].tofile(files[0])
    assert cifar.read_dataset(layout, folder).origin == "published"


def test_files_are_read_once_unless_they_change(tmp_path, monkeypatch):
    folder = generate(tmp_path / "cifar", SMALL)
    layout = as_published(SMALL, folder)
    read = []
    monkeypatch.setattr(cifar, "unordered_checksum", lambda records: read.append(1) or unordered_checksum(records))
    assert cifar.read_dataset(layout, folder) is cifar.read_dataset(layout, folder)
    assert len(read) == 2
    (folder / "test_batch.bin").unlink()
    with pytest.raises(DataError, match=r"not here: no file .*test_batch\.bin"):
        cifar.read_dataset(layout, folder)


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_real_data_are_those_published(name, tmp_path):
    tool = SHARED / "tools" / "unpack_data.py"
    if not tool.exists():
        pytest.skip("the real data are not at hand: no shared data")
    subprocess.run([sys.executable, tool, tmp_path, name], check=True, capture_output=True)
    dataset = cifar.read_dataset(LAYOUTS[name], tmp_path / LAYOUTS[name].folder)
    assert dataset.origin == "published"
    pixels = dataset.train.images.view(-1, 3).double() / 255
    for found, stated in zip((pixels.mean(0), pixels.std(0, correction=0)), STATED[name], strict=True):
        assert found.tolist() == pytest.approx(stated, abs=1e-8)
