"""Tar shards: the same data set as class folders of the same images, and a damaged shard or image is named."""

import io
import shutil
import tarfile

import numpy as np
import pytest
import torch
from PIL import Image

from repro import paths
from repro.data import shards
from repro.data.classes import class_ids
from repro.data.files import DataError
from repro.data.imagenet import FolderDataset

CPU = torch.device("cpu")
WNIDS = class_ids()[:3]


@pytest.fixture(autouse=True)
def nothing_is_known():
    shards._index.cache_clear()


@pytest.fixture
def folders(tmp_path):
    """Images in class folders, their numbers such that an order by text is not one by number."""
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 2)):
        for wnid in WNIDS:
            (tmp_path / "folders" / split / wnid).mkdir(parents=True)
            for number in range(count):
                pixels = rng.integers(0, 256, (40 + number, 50, 3), np.uint8)
                Image.fromarray(pixels).save(tmp_path / "folders" / split / wnid / f"{wnid}_{number}.JPEG")
    return tmp_path / "folders"


def images_of(split):
    return sorted(split.glob("*/*"))


def in_class_folders(split, target):
    """Images spread over three shards, in their class folders."""
    for number in range(3):
        with tarfile.open(target / f"{number:04}.tar", "w") as tar:
            for file in images_of(split)[number::3]:
                tar.add(file, f"./{file.parent.name}/{file.name}")


def a_shard_a_class(split, target):
    """As the publisher has it: n01440764.tar holds the images of that class."""
    for folder in split.iterdir():
        with tarfile.open(target / f"{folder.name}.tar", "w") as tar:
            for file in folder.iterdir():
                tar.add(file, file.name)


def with_texts(split, target):
    """As WebDataset has it: beside each image a text with the number of its class."""
    for number in range(2):
        with tarfile.open(target / f"imagenet1k-{number:04}.tar", "w") as tar:
            for file in images_of(split)[number::2]:
                tar.add(file, file.name)
                add(tar, f"{file.stem}.cls", str(class_ids().index(file.parent.name)).encode())


def add(tar, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    tar.addfile(info, io.BytesIO(content))


def pack(folders, how):
    """The same images in shards."""
    target = folders.with_name("shards")
    for split in ("train", "val"):
        (target / split).mkdir(parents=True)
        how(folders / split, target / split)
    return target


@pytest.mark.parametrize("how", [in_class_folders, a_shard_a_class, with_texts])
def test_shards_are_the_same_data_set_as_class_folders(folders, how):
    first, second = FolderDataset(folders, workers=0), FolderDataset(pack(folders, how), workers=0)
    assert second.all_classes == first.all_classes == WNIDS
    assert second.checksum() == first.checksum()
    for split in ("train", "val"):
        assert second.images(split).names == first.images(split).names
    for augment in ("deit", "inception"):
        one, other = (dataset.train_loader(6, augment, 0, CPU).batch(3) for dataset in (first, second))
        for name in ("images", "labels", "chosen", "box"):
            assert torch.equal(getattr(one, name), getattr(other, name))
    for one, other in zip(first.test_batches(CPU), second.test_batches(CPU), strict=True):
        assert all(map(torch.equal, one, other))


def test_shards_are_listed_once_and_again_when_one_changes(folders, monkeypatch):
    target = pack(folders, in_class_folders)
    assert len(FolderDataset(target).images("train")) == 36
    listed, whole = [], shards.list_shard
    monkeypatch.setattr(shards, "list_shard", lambda file: listed.append(file.name) or whole(file))
    shards._index.cache_clear()
    assert FolderDataset(target, workers=0).images("train")[35][1] == 2
    assert listed == []
    with tarfile.open(target / "train" / "0002.tar", "a") as tar:
        tar.add(images_of(folders / "val")[0], f"{WNIDS[0]}/more.JPEG")
    assert len(FolderDataset(target).images("train")) == 37
    assert listed == ["0000.tar", "0001.tar", "0002.tar"]
    for kept in (paths.home() / "shards").iterdir():
        kept.write_bytes(kept.read_bytes()[:-100])
    shards._index.cache_clear()
    assert len(FolderDataset(target).images("train")) == 37, "a list that is damaged is made again"


@pytest.mark.parametrize(("layout", "workers"), [("folders", 0), ("folders", 1), ("shards", 0)])
def test_a_damaged_image_ends_the_training_and_is_named(folders, layout, workers):
    bad = folders / "train" / WNIDS[1] / f"{WNIDS[1]}_7.JPEG"
    bad.write_bytes(bad.read_bytes()[:-200])
    where = folders if layout == "folders" else pack(folders, in_class_folders)
    dataset = FolderDataset(where, workers=workers)
    said = rf"{WNIDS[1]}_7.JPEG is damaged: image file is truncated.*; unpack or fetch it again"
    loader = dataset.train_loader(36, "deit-once", 0, CPU)
    with pytest.raises(DataError, match=said) as found:
        loader.batch(0)
    assert "\n" not in str(found.value)
    with pytest.raises(DataError, match=said):
        list(dataset.plain_batches(CPU))


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff\xe0"])
def test_what_is_no_image_is_named(folders, content):
    (folders / "val" / WNIDS[0] / f"{WNIDS[0]}_1.JPEG").write_bytes(content)
    with pytest.raises(DataError, match=rf"{WNIDS[0]}_1.JPEG is damaged"):
        list(FolderDataset(folders, workers=0).test_batches(CPU))


def truncate(file):
    file.write_bytes(file.read_bytes()[:-3000])


def rewrite(file, *members):
    """A shard with other members besides an image."""
    with tarfile.open(file, "w") as tar:
        for member, content in members:
            tar.addfile(member, io.BytesIO(content))


def member(name, content=b"", **fields):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, content


BAD = {
    "cut": (truncate, "0001.tar is damaged: "),
    "empty": (lambda f: f.write_bytes(b""), "0001.tar is damaged: "),
    "no tar": (lambda f: f.write_bytes(b"no tar" * 200), "0001.tar is damaged: "),
    "compressed": (lambda f: compress(f), "0001.tar is damaged: "),
    "a link": (
        lambda f: rewrite(f, member(f"{WNIDS[0]}/x.JPEG", type=tarfile.SYMTYPE, linkname="/etc/passwd")),
        "is a link or something else than a plain file",
    ),
    "without a class": (lambda f: rewrite(f, member("x.JPEG", b"x")), "x.JPEG has no class; put images into class"),
    "upwards": (lambda f: rewrite(f, member("../x.JPEG", b"x")), "has no class"),
    "a class that is none": (
        lambda f: rewrite(f, member("x.JPEG", b"x"), member("x.cls", b"1000")),
        "x.JPEG has no class",
    ),
    "twice": (lambda f: shutil.copy(f.with_name("0000.tar"), f), "is in the shards of .* more than once"),
}


def compress(file):
    content = file.read_bytes()
    with tarfile.open(file, "w:gz") as tar:
        add(tar, f"{WNIDS[0]}/x.JPEG", content[:100])


@pytest.mark.parametrize(("damage", "said"), BAD.values(), ids=BAD)
def test_a_damaged_shard_is_named(folders, damage, said):
    target = pack(folders, in_class_folders)
    damage(target / "train" / "0001.tar")
    with pytest.raises(DataError, match=said):
        FolderDataset(target)


def test_shards_beside_class_folders_are_refused(folders):
    a_shard_a_class(folders / "train", folders / "train")
    with pytest.raises(DataError, match="holds tar shards and the folder n01440764; move one of the two away"):
        FolderDataset(folders)
