"""What a run that chooses classes leaves for those that train on them."""

import numpy as np

from repro import paths
from repro.config import ChooseRun
from repro.data import embeddings
from repro.procedures import choose
from repro.procedures.subsets import CLASSES_FILE, read_classes
from repro.runs import store
from repro.training.checkpoint import stored_checksum


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
