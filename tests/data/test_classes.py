import sys
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch

from repro import paths
from repro.config import ConfigError
from repro.data import classes, embeddings, pairs
from repro.data.files import DataError


def write_pool(file, **changes):
    """A file as `read_pool` wants it: accuracy .8, .7, .6, .5 everywhere."""
    arrays = {"syn": np.array(classes.class_ids())}
    arrays |= {model: np.full(1000, 0.8 - 0.1 * n) for n, model in enumerate(classes.MODELS)} | changes
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **{name: array for name, array in arrays.items() if array is not None})
    return file


def test_there_are_1000_classes_in_the_order_models_number_them():
    ids = classes.class_ids()
    assert len(set(ids)) == 1000
    assert list(ids) == sorted(ids)
    assert classes.lemmas()[ids[1]].startswith("goldfish")
    assert classes.glosses()[ids[0]].startswith("tench, Tinca tinca: freshwater")


def test_clarity_and_means_count_what_raters_saw(monkeypatch):
    """Four images: class 0 alone, 0 and 1, 1 alone, nothing. Class 0 is seen in two, alone in one."""
    monkeypatch.setattr(classes, "rater_labels", lambda: [[0], [0, 1], [1], [], *([n] for n in range(2, 1000))])
    clarity, means = classes.clarity.__wrapped__(), classes.rater_means.__wrapped__()
    assert clarity[:3].tolist() == [0.5, 0.5, 1.0]
    assert means[0, :3].tolist() == [0.75, 0.25, 0.0]  # images (1, 0) and (1/2, 1/2)


def test_the_raters_labels_that_timm_ships_are_those_of_the_validation_set():
    assert len(classes.rater_labels()) == 50_000
    assert classes.clarity().shape == (1000,)
    assert np.allclose(classes.rater_means().sum(axis=1), 1)


def test_a_pool_is_read_and_its_rows_are_found_by_name():
    write_pool(paths.data() / "imagenet" / classes.ACCURACY_FILE)
    pool = classes.read_pool()
    assert pool.of(("SimCLR", "ViT"))[:, 0].tolist() == pytest.approx([0.5, 0.8])


def test_without_the_file_the_error_says_what_it_is_and_where_it_belongs():
    with pytest.raises(DataError, match=r"no file .*imagenetx_perclass_acc\.npz; it holds .* REPRO_DATA"):
        classes.read_pool()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"DINO": None}, "DINO"),
        ({"DINO": np.full(999, 0.5)}, "damaged"),
        ({"DINO": np.full(1000, np.nan)}, "outside"),
        ({"DINO": np.full(1000, 76.0)}, "outside"),
        ({"syn": np.array(["n1"] * 1000)}, "other classes"),
    ],
)
def test_a_damaged_pool_is_named(changes, said, tmp_path):
    with pytest.raises(DataError, match=said):
        classes.read_pool(write_pool(tmp_path / "pool.npz", **changes))


def test_a_text_file_is_no_pool(tmp_path):
    file = tmp_path / "pool.npz"
    file.write_text("class,accuracy")
    with pytest.raises(DataError, match="damaged"):
        classes.read_pool(file)


def test_missing_features_name_the_command_that_makes_them():
    with pytest.raises(DataError, match="repro tickets features"):
        classes.read_features()


def test_labels_of_like_meaning_lie_close_together(monkeypatch):
    """In a corpus where fruit and engines share no word, an apple is nearer to a pear than to a diesel."""
    corpus = [
        "apple sweet fruit",
        "pear sweet fruit",
        "plum fruit",
        "diesel engine",
        "engine motor",
        "motor diesel",
    ] * 2
    monkeypatch.setattr(embeddings, "DIMENSIONS", 2)
    apple, pear, diesel = embeddings.embed_with_lsa(["apple", "pear", "diesel"], corpus)
    assert apple @ pear > 0.5
    assert abs(apple @ diesel) < 0.3
    assert np.linalg.norm(apple) == pytest.approx(1)


def test_a_label_without_a_known_word_is_named():
    with pytest.raises(ConfigError, match="no word of 'zzyzx' is in the glosses"):
        embeddings.embed_with_lsa(["fish", "zzyzx"], ["fish fin", "fish fin sea", "sea fin"])


@pytest.mark.slow
def test_without_clips_weights_labels_are_embedded_by_lsa():
    vectors, by = embeddings.embed_labels(["shark"], ["shark: a fish with fins"])
    assert by == embeddings.LSA
    assert vectors.shape == (1, embeddings.DIMENSIONS)


def test_digit_pairs_keep_their_scans_apart_and_every_class_has_50_test_pairs():
    (train, train_labels), (test, test_labels) = pairs.load_pairs()
    assert np.bincount(test_labels).tolist() == [50] * 100
    assert np.bincount(train_labels).tolist() == [pairs.TRAIN_PAIRS] * 100
    halves = [{scan.tobytes() for scan in np.vstack([x[:, :64], x[:, 64:]])} for x in (train, test)]
    assert not halves[0] & halves[1]


def test_the_classifiers_are_named_in_the_order_of_their_accuracy():
    pool = pairs.read_pool()
    overall = pool.accuracies.mean(axis=1)
    assert list(overall) == sorted(overall, reverse=True)
    assert overall[0] - overall[-1] > 0.05


def test_with_clips_weights_at_hand_labels_are_embedded_by_it_from_the_folder_alone(monkeypatch):
    """A stand-in for `transformers` that notes how it is called; its text vectors are (3, 4) for every label."""
    calls = []

    class Loaded:
        @classmethod
        def from_pretrained(cls, folder, **options):
            calls.append((folder, options))
            return cls()

        def eval(self):
            return self

        def __call__(self, labels=None, **options):
            if labels is not None:
                return {"input_ids": torch.zeros(len(labels), 1)}
            return SimpleNamespace(text_embeds=torch.tensor([[3.0, 4.0]]).expand(len(options["input_ids"]), -1))

    fake = ModuleType("transformers")
    fake.AutoTokenizer = fake.CLIPTextModelWithProjection = Loaded
    fake.__spec__ = ModuleSpec("transformers", None)
    monkeypatch.setitem(sys.modules, "transformers", fake)
    folder = paths.data() / embeddings.CLIP_FOLDER
    folder.mkdir(parents=True)
    vectors, by = embeddings.embed_labels(["shark", "ray"], ["a fish", "another fish"])
    assert by == embeddings.CLIP
    assert vectors == pytest.approx(np.array([[0.6, 0.8]] * 2))
    assert [(f, o["local_files_only"]) for f, o in calls] == [(folder, True)] * 2
    assert calls[1][1]["use_safetensors"]
