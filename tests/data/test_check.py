"""`repro data check`: what is there, and each thing that is not as it should be."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from repro.data import check
from repro.data.check import SOLUTION, Expected, check_imagenet
from repro.data.classes import class_ids
from repro.data.files import DataError

EXPECTED = Expected(train=2_000, val=1_000, train_each=(2, 2), val_each=(1, 1))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Two training images and one validation image of each class, under the publisher's names."""
    folder = tmp_path_factory.mktemp("data") / "imagenet"
    folder.mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "x.jpg")
    for number, wnid in enumerate(class_ids()):
        names = [f"train/{wnid}/{wnid}_{10 * number}.JPEG", f"train/{wnid}/{wnid}_{10 * number + 3}.JPEG"]
        for name in (*names, f"val/{wnid}/ILSVRC2012_val_{number + 1:08}.JPEG"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).hardlink_to(folder / "x.jpg")
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "imagenet", copy_function=os.link)


def findings(folder, **options):
    return list(check_imagenet(folder, expected=EXPECTED, **options))


def bad(folder, **options):
    return [said for fine, said in findings(folder, **options) if not fine]


def test_what_is_whole_is_said_to_be(whole):
    assert findings(whole, decode=True) == [
        (True, "train: the 1,000 classes"),
        (True, "train: 2,000 images"),
        (True, "train: 2 images of each class"),
        (True, "train: 2,000 images lie in the class that their names say"),
        (True, "train: every image can be read"),
        (True, "val: the 1,000 classes"),
        (True, "val: 1,000 images"),
        (True, "val: 1 images of each class"),
        (True, "val: every image can be read"),
    ]


def test_the_real_numbers_are_those_of_the_publisher(whole):
    found = [said for fine, said in check_imagenet(whole) if not fine]
    assert "train: 2,000 images where 1,281,167 belong" in found
    assert "val: 1,000 images where 50,000 belong" in found
    assert "val: n01440764 has 1 images where 50 belong, and so do 999 other classes" in found
    assert "train: n01440764 has 2 images where 732 to 1,300 belong, and so do 999 other classes" in found


def test_a_class_that_is_lacking_or_of_another_set_is_named(folder):
    (folder / "train" / class_ids()[5]).rename(folder / "train" / "n99999999")
    found = bad(folder)
    assert f"train lacks 1 classes, such as {class_ids()[5]}" in found
    assert "train has besides 1 classes, such as n99999999" in found
    assert "train: 1,998 images where 2,000 belong" in found


def test_images_in_another_class_than_their_name_says_are_named(folder):
    first, second = class_ids()[:2]
    for one, other in ((first, second), (second, first)):
        for file in (folder / "train" / one).glob(f"{one}*"):
            file.rename(folder / "train" / other / file.name)
    (said,) = bad(folder)
    assert said.startswith("train: 4 images lie in another class than their names say, such as n01440764/n01443537_")


def test_validation_images_are_compared_with_the_list_that_lies_beside_them(folder):
    rows = [f"ILSVRC2012_val_{n + 1:08},{wnid} 1 2 3 4" for n, wnid in enumerate(class_ids())]
    (folder / SOLUTION).write_text("ImageId,PredictionString\n" + "\n".join(rows) + "\n")
    assert (True, f"val: every image is of the class that {SOLUTION} says") in findings(folder)
    (folder / SOLUTION).write_text("ImageId,PredictionString\n" + "\n".join(rows[1:]) + "\n")
    assert f"val: 1 images are not of the class that {SOLUTION} says, such as n01440764/ILSVRC" in bad(folder)[0]
    (folder / SOLUTION).write_text("nothing of the kind\n1\n")
    with pytest.raises(DataError, match="is no list of images and classes"):
        findings(folder)


def test_an_image_that_is_there_twice_is_named(folder):
    file = next((folder / "val" / class_ids()[0]).iterdir())
    (folder / "val" / class_ids()[1] / file.name).hardlink_to(file)
    assert f"val: 1 images are there more than once, such as {file.name}" in bad(folder)


def test_every_damaged_image_is_named(folder):
    for wnid in class_ids()[3:5]:
        file = next((folder / "val" / wnid).iterdir())
        file.unlink()
        file.write_bytes(b"half an image")
    assert bad(folder) == []
    found = bad(folder, decode=True)
    assert len(found) == 2
    assert all("ILSVRC2012_val_0000000" in said and "is damaged" in said for said in found)


def test_a_check_that_finds_something_fails(whole, monkeypatch, capsys):
    from repro.cli import main

    monkeypatch.setitem(check.CHECKS, "imagenet", lambda decode: check_imagenet(whole, decode, EXPECTED))
    monkeypatch.setattr("sys.argv", ["repro", "data", "check", "imagenet"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert "ok   imagenet: train: 2,000 images\n" in capsys.readouterr().out
    worse = replace(EXPECTED, val=3)
    monkeypatch.setitem(check.CHECKS, "imagenet", lambda decode: check_imagenet(whole, decode, worse))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "BAD  imagenet: val: 1,000 images where 3 belong\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("cifar10", "repro data fetch cifar10"),
        ("cifar100", "repro data fetch cifar100"),
        ("ag_news", "repro data fetch ag_news"),
        ("mnist", "cannot check 'mnist': choose one of cifar10, cifar100, ag_news, imagenet"),
    ],
)
def test_data_that_are_not_here_are_an_error_with_the_mend(name, mend, refusal):
    assert mend in refusal("data", "check", name)
