"""`repro tickets` on data of one's own, as a user calls it."""

import csv
import io
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from repro.config import ConfigError
from repro.data.files import DataError
from repro.own.classes import POLICIES, Choices, Files, choose_classes
from repro.own.features import class_means, write_class_means

ACCURACIES = """class,weak,strong
cat,0.5,0.9
dog,0.8,0.8
cow,0.9,0.7
pig,0.6,1
"""  # over all classes strong .85, weak .7


def chosen(policy, files, **choices):
    out = io.StringIO()
    choose_classes(policy, files, choices, out)
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


def test_each_policy_names_the_file_it_needs():
    for name, policy in POLICIES.items():
        with pytest.raises(ConfigError, match=f"policy {name} needs --{policy.needs.replace('_', '-')}"):
            chosen(name, Files())


@pytest.mark.parametrize("name", POLICIES)
def test_an_option_that_a_policy_does_not_look_at_is_refused(name):
    """Every option of the command line is looked at or refused."""
    policy = POLICIES[name]
    file = Files(**{policy.needs: "file"})
    for option in {**vars(Files()), **vars(Choices())}:
        if option not in (policy.needs, *policy.takes):
            said = f"policy {name} does not look at --{option.replace('_', '-')}; it takes --"
            with pytest.raises(ConfigError, match=said):
                choose_classes(
                    name,
                    Files(**{**vars(file), option: "x"}) if option in vars(file) else file,
                    {} if option in vars(file) else {option: 1},
                    io.StringIO(),
                )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--policy best", "unknown policy 'best': choose one of rs, erc, pd-top"),
        ("--policy pd-top --per-class T --model resnet", "no model 'resnet'; there are weak, strong"),
        ("--policy pd-top --per-class T --count 5", "asked for 5 of 4 classes"),
        (
            "--policy pd-top --per-class T --seed 1",
            "pd-top does not look at --seed; it takes --per-class, --model, --count",
        ),
        ("--policy pd-top --per-class T --ties", "policy pd-top does not look at --ties"),
        (
            "--policy rs --per-class T --threshold 200",
            "does not look at --threshold; it takes --names, --per-class, --count",
        ),
        ("--policy rs --per-class T --names T", "--names and --per-class both name the classes; give one of them"),
        ("--policy rs --per-class T --count 5", "asked for 5 of 4 classes; ask for 1 to 4"),
        ("--policy rs --per-class T --count 0", "asked for 0 of 4 classes; ask for 1 to 4"),
        ("--policy rs --per-class T --count 2 --seed -1", "--seed must be a whole number from 0 to 4294967295; got -1"),
        ("--policy rs --per-class T --count 2 --seed 4294967296", "--seed must be a whole number from 0 to 4294967295"),
        ("--policy erc --per-class T --count 0", "asked for 0 classes; ask for at least 1"),
        ("--policy erc --per-class T --count -3", "asked for -3 classes; ask for at least 1"),
        ("--policy erc --per-class T --count 3 --threshold 2", "target 3 exceeds threshold 2"),
        ("--policy erc --per-class lost.csv", "lost.csv cannot be read: No such file or directory"),
        ("--policy erc --per-class .", ". cannot be read: Is a directory"),
        ("--policy wnh --per-class T --variant odd", "literal or balanced; got 'odd'"),
        ("--policy wec --per-class T --count 2 --variant odd", "k-medoids, k-means; got 'odd'"),
        ("--policy wec --per-class T --count 2 --backend odd", "kmedoids, scikit-learn-extra; got 'odd'"),
        (
            "--policy wec --per-class T --variant k-means --backend kmedoids",
            "k-means does not look at --backend; leave it",
        ),
        (
            "--policy nir --images lost",
            "no images in the class folders of lost: No such file or directory; name another",
        ),
        ("--policy nir --images I --divisor 0", "divisor must be at least 1; got 0"),
    ],
)
def test_bad_options_are_refused_in_one_line(words, said, table, tmp_path, refusal):
    image = tmp_path / "images" / "cat" / "1.png"
    image.parent.mkdir(parents=True)
    image.touch()
    stand_for = {"T": table.per_class, "I": tmp_path / "images"}
    assert said in refusal("tickets", "classes", *(stand_for.get(word, word) for word in words.split()))


def test_words_that_are_no_nouns_of_wordnet_are_refused(table):
    with pytest.raises((ConfigError, DataError), match=r"no noun 'cat'|WordNet 3.0 is not here"):
        chosen("wnh", table, count=2)


def test_a_seed_that_is_negative_is_refused_for_a_run(refusal):
    said = refusal("compute", "x", "--seed", -1)
    assert "seeds must be distinct whole numbers from 0 " in said
    assert said.endswith("such as [0, 1, 2]; got [-1]")


def test_one_image_stays_of_each_class_whatever_the_divisor(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").touch()
    assert len(chosen("nir", Files(images=tmp_path), divisor=10**400)) == 1


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


def damage(folder, kind):
    """A folder of images and a checkpoint of which one is not what it should be; returns both."""
    import timm
    from safetensors.torch import load_file, save_file

    images, weights = folder / "images", folder / "weights.safetensors"
    state = load_file(weights)
    image = next(images.glob("*/*"))
    if kind == "cut image":
        image.write_bytes(image.read_bytes()[:-1000])
    elif kind == "no image":
        image.write_text("a picture of a cat")
    elif kind == "cut weights":
        weights.write_bytes(weights.read_bytes()[:1000])
    elif kind == "no weights":
        weights.write_text("weights")
    elif kind == "other network":
        save_file(timm.create_model("test_vit").state_dict(), weights)
    elif kind == "missing weight":
        save_file({name: tensor for name, tensor in state.items() if name != "conv1.0.weight"}, weights)
    elif kind == "other shape":
        save_file(state | {"conv1.0.weight": state["conv1.0.weight"][:1].clone()}, weights)
    elif kind == "NaN":
        save_file(state | {"conv1.0.weight": state["conv1.0.weight"] * float("nan")}, weights)
    return images, weights


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("cut image", r"0\.png cannot be read as an image: .*; replace it or move it away"),
        ("no image", r"0\.png cannot be read as an image: cannot identify image file .*; replace it"),
        ("cut weights", r"weights\.safetensors is damaged: .*; write it anew with safetensors.torch.save_file"),
        ("no weights", r"weights\.safetensors is damaged: .*; write it anew"),
        ("other network", r"does not hold the weights of timm's test_resnet: .* is missing; write its state_dict"),
        ("missing weight", r"of timm's test_resnet: conv1\.0\.weight is missing; write its state_dict"),
        ("other shape", r"conv1\.0\.weight has the shape \(1, .*\) where \(.*\) belongs; write its state_dict"),
        ("NaN", "test_resnet gives features that are no numbers; its weights are damaged, take others"),
    ],
)
def test_damaged_images_and_weights_are_refused_and_leave_nothing(kind, said, model, tmp_path, refusal):
    folder = shutil.copytree(model, tmp_path / "model")
    images, weights = damage(folder, kind)
    words = ["tickets", "features", "--model", "test_resnet", "--images", images, "--checkpoint", weights]
    assert re.search(said, refusal(*words, "--out", tmp_path / "out" / "m.npy"))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    ("name", "images", "out", "checkpoint", "said"),
    [
        ("resnet20000", "images", "m.npy", "weights.safetensors", "timm has no model 'resnet20000'"),
        (
            "test_resnet.of_mine",
            "images",
            "m.npy",
            "weights.safetensors",
            "timm cannot give 'test_resnet.of_mine': Inv.*tag",
        ),
        ("test_resnet", "lost", "m.npy", "weights.safetensors", "no images in the class folders"),
        ("test_resnet", "images", "m.csv", "weights.safetensors", "written as .npy; got m.csv"),
        ("test_resnet", "images", "m.npy", "weights.pth", r"from a \.safetensors file"),
        ("test_resnet", "images", "m.npy", "images", r"from a \.safetensors file; got .*images"),
        (
            "test_resnet",
            "images",
            "weights.safetensors/m.npy",
            "weights.safetensors",
            "cannot be written: .*; choose another",
        ),
        (
            "test_resnet",
            "images",
            "folder.npy",
            "weights.safetensors",
            "cannot be written: Is a directory; choose another",
        ),
    ],
)
def test_features_that_cannot_be_made_are_refused(model, name, images, out, checkpoint, said, refusal):
    (model / "folder.npy").mkdir(exist_ok=True)
    words = ["--images", model / images, "--out", model / out, "--checkpoint", model / checkpoint]
    assert re.search(said, refusal("tickets", "features", "--model", name, *words))


def test_a_model_whose_weights_cannot_be_had_is_refused(model, tmp_path, refusal, monkeypatch):
    import timm

    def create_model(*_, **__):
        raise ConnectionError("no way\nto the hub")

    monkeypatch.setattr(timm, "create_model", create_model)
    words = ["--model", "test_resnet", "--images", model / "images", "--out", tmp_path / "m.npy"]
    said = refusal("tickets", "features", *words)
    assert "timm cannot give 'test_resnet': no way; choose a model" in said
    assert said.endswith("or give weights of your own with --checkpoint")
