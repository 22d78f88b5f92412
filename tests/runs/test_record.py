"""One reader, one writer: what is written is read again, and nothing else is."""

import json
import math
from dataclasses import replace

import pytest

from repro.procedures import entry
from repro.runs import record as records
from repro.runs.provenance import provenance
from tests.conftest import DENSE

RESULT = {
    "metrics": {"accuracy": 0.5, "loss": 1.0},
    "timing": {"seconds": 1.0},
    "data": "d",
    "precision": "fp32",
    "history": [{"epoch": 1, "train_loss": 2.0}],
    "kept": [1, 2],
}


@pytest.fixture
def record():
    return records.of_run(DENSE, 3, RESULT, provenance(entry("train")))


def test_a_record_is_read_as_it_was_written(record):
    for indent in (None, 1):
        assert records.read(records.write(record, indent)) == record
    assert record.details == {"kept": [1, 2]}
    assert record.outcome == "accuracy 0.500"


def test_what_is_not_a_number_is_not_written(record):
    with pytest.raises(ValueError, match="JSON"):
        records.write(replace(record, metrics={"accuracy": math.nan}))


@pytest.mark.parametrize("change", [{"seed": 4}, {"metrics": {"accuracy": 0.9}}, {"checksum": ""}, {"unknown": 1}])
def test_an_edited_record_is_refused(record, change):
    with pytest.raises(ValueError, match="checksum"):
        records.read(json.dumps(json.loads(records.write(record)) | change))


@pytest.mark.parametrize("change", [{"unknown": 1}, {"provenance": {}}, {"provenance": None}])
def test_a_record_with_other_fields_is_refused_though_its_checksum_fits(record, change):
    body = json.loads(records.write(record)) | change
    del body["checksum"]
    with pytest.raises(ValueError, match="other fields"):
        records.read(json.dumps(body | {"checksum": records.checksum(body)}))
