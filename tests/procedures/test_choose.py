"""What a run that chooses classes leaves for those that train on them."""

from dataclasses import replace

import numpy as np
import pytest

from repro import paths
from repro.config import ChooseRun
from repro.data import classes, embeddings
from repro.procedures import choose
from repro.procedures.subsets import CLASSES_FILE, read_classes
from repro.published import read_ticket
from repro.runs import store
from repro.training.checkpoint import stored_checksum
from tests.data.test_classes import write_pool


def test_the_classes_chosen_are_kept_beside_the_record():
    run = ChooseRun("RS", count=7)
    record = store.compute(run, 3)
    assert list(read_classes(store.folder(run, 3))) == record.details["kept"] == sorted(record.details["kept"])
    assert len(record.details["kept"]) == 7
    assert record.tickets == stored_checksum(store.folder(run, 3) / CLASSES_FILE)
    assert store.is_whole(run, 3)


def test_a_choice_whose_file_is_lost_is_made_again():
    run = ChooseRun("RS", count=7)
    store.compute(run, 0)
    (store.folder(run, 0) / CLASSES_FILE).unlink()
    assert not store.is_whole(run, 0)
    assert store.find_local(run, 0) is None


def test_labels_are_embedded_anew_where_clip_has_come_or_the_data_lie_elsewhere(monkeypatch, tmp_path):
    asked = []

    def embed(labels, texts):
        asked.append(paths.data())
        return np.zeros((len(labels), 2)), "by hand"

    monkeypatch.setattr(embeddings, "embed_labels", embed)
    choose.embedded_labels()
    choose.embedded_labels()
    assert len(asked) == 1
    (paths.data() / embeddings.CLIP_FOLDER).mkdir(parents=True)
    (paths.data() / embeddings.CLIP_FOLDER / "config.json").write_text("{}")
    choose.embedded_labels()
    monkeypatch.setenv("REPRO_DATA", str(tmp_path / "elsewhere"))
    (paths.data() / embeddings.CLIP_FOLDER).mkdir(parents=True)
    (paths.data() / embeddings.CLIP_FOLDER / "config.json").write_text("{}")
    choose.embedded_labels()
    assert len(asked) == 3


def test_a_printed_ticket_is_held_against_random_ones_as_large():
    """ViT leads by .1 on the 100 classes of PD-Bottom and by .3 on all others, SimCLR comes last everywhere.

    So the smallest lead on the ticket, .1, is below that on any random ticket which has another class.
    """
    printed = np.isin(classes.class_ids(), read_ticket("PD-Bottom"))
    changes = {"ViT": np.where(printed, 0.9, 1.0), "DINO": np.where(printed, 0.8, 0.7), "ResNet50": np.full(1000, 0.4)}
    changes["SimCLR"] = np.full(1000, 0.0)
    write_pool(paths.data() / "imagenet" / classes.ACCURACY_FILE, **changes)
    run = ChooseRun("printed", "PD-Bottom", difficulty="ImageNet-X", draws=50)
    found = store.compute(run, 0).metrics
    assert found["lead"] == pytest.approx(0.1)
    assert (found["order_kept_at_random"], found["lead_reached_at_random"]) == (1.0, 1.0)
    other = replace(run, variant="ERC")
    assert store.compute(other, 0).metrics["lead_reached_at_random"] < 0.2, "one of its classes is on both lists"
    kept = np.flatnonzero(printed)
    assert choose.smallest_lead(classes.read_pool().accuracies[:, kept]) == pytest.approx(0.1)


def test_random_tickets_are_as_large_as_the_one_they_are_held_against(monkeypatch):
    write_pool(paths.data() / "imagenet" / classes.ACCURACY_FILE)
    sizes = []
    monkeypatch.setattr(choose, "smallest_lead", lambda ordered: sizes.append(ordered.shape[1]) or 0.0)
    choose.compare_with_random(np.arange(155), 3, 0)
    assert sizes == [155] * 4
