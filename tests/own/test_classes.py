"""`repro tickets` on data of one's own, as a user calls it."""

import csv
import io

import numpy as np
import pytest
from PIL import Image

from repro.config import ConfigError
from repro.own.classes import NEEDS, Choices, Files, choose_classes
from repro.own.features import class_means, write_class_means

ACCURACIES = """class,weak,strong
cat,0.5,0.9
dog,0.8,0.8
cow,0.9,0.7
pig,0.6,1
"""  # over all classes strong .85, weak .7


def chosen(policy, files, **choices):
    out = io.StringIO()
    choose_classes(policy, files, Choices(**choices), out)
    return list(csv.DictReader(out.getvalue().splitlines()))


@pytest.fixture
def table(tmp_path):
    file = tmp_path / "acc.csv"
    file.write_text(ACCURACIES)
    return Files(per_class=file)


def write(tmp_path, name, text):
    file = tmp_path / name
    file.write_text(text)
    return file


def test_erc_keeps_the_classes_in_which_the_stronger_model_is_ahead(table):
    assert [(r["number"], r["class"]) for r in chosen("erc", table)] == [("0", "cat"), ("3", "pig")]
    assert [r["class"] for r in chosen("erc", table, ties=True)] == ["cat", "dog", "pig"]
    assert len(chosen("erc", table, threshold=1, count=1)) == 1


def test_pd_sorts_by_the_best_model_or_by_the_one_named(table):
    assert [r["class"] for r in chosen("pd-bottom", table, count=1)] == ["cow"]
    row = chosen("pd-bottom", table, count=1, model="weak")[0]
    assert row == {"number": "0", "class": "cat", "reason": "place 1 of 4 from the hardest"}


def test_rs_takes_its_names_from_either_file(table, tmp_path):
    names = Files(names=write(tmp_path, "names.txt", "cat\ndog\n\ncow\npig\n"))
    assert chosen("rs", table, count=2, seed=1) == chosen("rs", names, count=2, seed=1)


def test_wnh_merges_any_nouns_of_the_snapshot(tmp_path):
    """Tabby and tiger cat are domestic cats; the sports car and the jeep are cars."""
    file = write(tmp_path, "ids.txt", "n02123045\nn02123159\nn04285008\nn03594945\n")
    rows = chosen("wnh", Files(names=file), count=2, variant="balanced")
    assert [r["number"] for r in rows] == ["0", "2"]
    assert rows[0]["reason"].startswith("stands for domestic cat (n02121808)")
    assert rows[1]["reason"] == "stands for car (n02958343); classes merged: 2"


@pytest.mark.slow
def test_wec_and_sec_keep_one_class_a_cluster(tmp_path):
    names = write(tmp_path, "names.txt", "spaniel dog\nterrier dog\nsailing ship\nsteam ship\n")
    rows = chosen("wec", Files(names=names), count=2)
    assert [int(r["number"]) // 2 for r in rows] == [0, 1]
    assert rows[0]["reason"].endswith("by latent semantic analysis of WordNet's glosses")
    np.save(tmp_path / "means.npy", np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]]))
    rows = chosen("sec", Files(features=tmp_path / "means.npy"), count=2, variant="k-means")
    assert [int(r["number"]) // 2 for r in rows] == [0, 1]


def test_nir_lists_the_files_that_stay(tmp_path):
    for label, count in (("a", 4), ("b", 3)):
        for number in range(count):
            file = tmp_path / "train" / label / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()
    rows = chosen("nir", Files(images=tmp_path / "train"), divisor=2)
    assert [r["file"].partition("/")[0] for r in rows] == ["a", "a", "b", "b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must have a header"),
        ("class,a,b\n", "must have a header"),
        ("class\ncat\n", "must have a header"),
        ("class,a,b\ncat,.5\n", "line 2: 2 columns where the header has 3"),
        ("class,a,b\ncat,.5,high\n", "line 2: could not convert string to float: 'high'"),
        ("class,a,b\ncat,.5,nan\n", "cat has nan"),
        ("class,a,b\ncat,.5,87\n", "cat has 87.0"),
        ("class,a,b\ncat,.5,.4\ncat,.5,.4\n", "names class 'cat' twice"),
        ("class,a\ncat,.5\n", "at least two models; got 1"),
    ],
)
def test_a_malformed_table_is_refused_with_its_line(text, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        chosen("erc", Files(per_class=write(tmp_path, "acc.csv", text)))


def test_each_policy_names_the_file_it_needs():
    for policy, needed in NEEDS.items():
        with pytest.raises(ConfigError, match=f"policy {policy} needs --{needed.replace('_', '-')}"):
            chosen(policy, Files())


@pytest.mark.parametrize(
    ("policy", "choices", "said"),
    [
        ("best", {}, "unknown policy 'best': choose one of rs, erc, pd-top"),
        ("pd-top", {"model": "resnet"}, "no column 'resnet'; there are weak, strong"),
        ("pd-top", {"count": 5}, "asked for 5 of 4 classes"),
        ("rs", {"count": 5}, "asked for 5 of 4 classes"),
        ("wnh", {"count": 2}, "no noun 'cat'|WordNet 3.0 is not here"),
        ("wnh", {"variant": "odd"}, "literal or balanced; got 'odd'"),
        ("wec", {"count": 2, "variant": "odd"}, "k-medoids, k-means; got 'odd'"),
        ("wec", {"count": 2, "backend": "odd"}, "kmedoids, scikit-learn-extra; got 'odd'"),
    ],
)
def test_bad_choices_are_refused(policy, choices, said, table):
    from repro.data.cifar import DataError

    with pytest.raises((ConfigError, DataError), match=said):
        chosen(policy, table, **choices)


def test_files_that_cannot_be_read_are_named(tmp_path):
    with pytest.raises(ConfigError, match=r"lost\.csv cannot be read"):
        chosen("erc", Files(per_class=tmp_path / "lost.csv"))
    with pytest.raises(ConfigError, match=r"text\.npy is no \.npy file"):
        chosen("sec", Files(features=write(tmp_path, "text.npy", "1,2")))
    with pytest.raises(ConfigError, match="no images in the class folders"):
        chosen("nir", Files(images=tmp_path / "nothing"))


def test_features_must_belong_to_the_names(tmp_path, table):
    np.save(tmp_path / "means.npy", np.eye(3))
    with pytest.raises(ConfigError, match="3 features do not belong to 4 names"):
        chosen("sec", Files(per_class=table.per_class, features=tmp_path / "means.npy"), count=2)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A small timm model with random weights in a safetensors file, and two classes of two images."""
    import timm
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("features")
    save_file(timm.create_model("test_resnet").state_dict(), folder / "weights.safetensors")
    rng = np.random.default_rng(0)
    for number in range(4):
        file = folder / "images" / f"class{number // 2}" / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 40, 3), np.uint8)).save(file)
    return folder


def test_a_class_mean_is_the_mean_over_its_images(model, tmp_path):
    weights = model / "weights.safetensors"
    means = class_means("test_resnet", model / "images", weights)
    single = []
    for number in range(2):
        alone = tmp_path / str(number) / "class0"
        alone.mkdir(parents=True)
        (alone / "image.png").write_bytes((model / "images/class0" / f"{number}.png").read_bytes())
        single.append(class_means("test_resnet", alone.parent, weights)[0])
    assert means.shape[0] == 2
    assert means[0] == pytest.approx((single[0] + single[1]) / 2, abs=1e-5)
    assert np.abs(single[0] - single[1]).max() > 1e-4
    assert write_class_means("test_resnet", model / "images", tmp_path / "m.npy", weights) == means.shape
    assert np.load(tmp_path / "m.npy") == pytest.approx(means)


@pytest.mark.parametrize(
    ("name", "images", "out", "checkpoint", "said"),
    [
        ("resnet20000", "images", "m.npy", "weights.safetensors", "timm has no model 'resnet20000'"),
        ("test_resnet", "lost", "m.npy", "weights.safetensors", "no images in the class folders"),
        ("test_resnet", "images", "m.csv", "weights.safetensors", "written as .npy; got m.csv"),
        ("test_resnet", "images", "m.npy", "weights.pth", r"from a \.safetensors file"),
    ],
)
def test_features_that_cannot_be_made_are_refused(model, name, images, out, checkpoint, said):
    with pytest.raises(ConfigError, match=said):
        write_class_means(name, model / images, model / out, model / checkpoint)
