import json
from dataclasses import replace

import pytest
import torch

from repro import config
from repro.config import Data, MergedTicket, WeightTicket
from repro.procedures import train as procedure
from repro.runs import record as records
from repro.runs import store
from repro.runs.schedule import RunFailed, get_or_compute
from repro.training.checkpoint import load_tensors, save_tensors, stored_checksum
from tests.conftest import DENSE, forget, on_ticket

CPU = torch.device("cpu")


def folder_of(run):
    return store.folder(run, 0)


def start_weights(run):
    return procedure.initial_model(run, 0, folder_of, CPU).state_dict()


def test_lth_starts_from_the_bits_that_dense_had_and_rr_from_others():
    get_or_compute([(DENSE, 0)])
    dense = start_weights(DENSE)
    snapshots = {e: load_tensors(folder_of(DENSE) / f"epoch-{e}.safetensors")[0] for e in (0, 1)}
    lth, rewound, rr = (start_weights(on_ticket(**how)) for how in ({"epoch": 0}, {"epoch": 1}, {"draw": 1}))
    assert all(torch.equal(lth[name], dense[name]) for name in dense)
    assert all(torch.equal(rewound[name], snapshots[1][name]) for name in dense)
    buffers = [name for name in dense if "running" in name]
    assert buffers
    assert not any(torch.equal(rewound[name], dense[name]) for name in buffers)
    drawn = [name for name in dense if name.endswith("conv1.weight")]
    assert drawn
    assert not any(torch.equal(rr[name], dense[name]) for name in drawn)


def test_lth_and_rr_share_the_mask_and_keep_it():
    lth, rr = on_ticket(sparsity=0.8, epoch=0), on_ticket(sparsity=0.8, draw=1)
    records = get_or_compute([(lth, 0), (rr, 0)])
    finals = [load_tensors(folder_of(run) / procedure.FINAL_FILE)[0] for run in (lth, rr)]
    masks = [{n: t for n, t in final.items() if n.startswith(procedure.MASK_PREFIX)} for final in finals]
    assert masks[0].keys() == masks[1].keys()
    assert all(torch.equal(masks[0][n], masks[1][n]) for n in masks[0])
    for final, mask in zip(finals, masks, strict=True):
        for name, kept in mask.items():
            weight = final[name.removeprefix(procedure.MASK_PREFIX)]
            assert bool((weight[~kept] == 0).all())
    assert abs(records[0].metrics["sparsity"] - 0.8) < 1e-3


def test_the_ticket_of_a_ticket_lies_within_it():
    first = on_ticket(sparsity=0.5, epoch=0)
    second = on_ticket(first, sparsity=0.75, epoch=0)
    get_or_compute([(second, 0)])
    outer, inner = (load_tensors(folder_of(r) / procedure.FINAL_FILE)[0] for r in (first, second))
    names = [n for n in outer if n.startswith(procedure.MASK_PREFIX)]
    assert names
    assert all(bool((inner[n] <= outer[n]).all()) for n in names)


def test_a_rewound_training_goes_on_from_its_epoch():
    record = get_or_compute([(on_ticket(epoch=1), 0)])[0]
    assert [line["epoch"] for line in record.history] == [2, 3]


def test_seeds_differ_and_repeat():
    a, b = get_or_compute([(DENSE, 0), (DENSE, 1)])
    assert a.weights != b.weights
    forget((DENSE, 0))
    assert get_or_compute([(DENSE, 0)])[0].weights == a.weights


def weights_of_masked(run):
    """The final weights outside the mask of a finished run."""
    final = load_tensors(folder_of(run) / procedure.FINAL_FILE)[0]
    masks = {n: t for n, t in final.items() if n.startswith(procedure.MASK_PREFIX)}
    return torch.cat([final[n.removeprefix(procedure.MASK_PREFIX)][~m] for n, m in masks.items()])


def test_averaged_weights_of_a_rewound_ticket_are_pruned_too():
    run = on_ticket(sparsity=0.8, epoch=1)
    run = replace(run, training=replace(run.training, ema_decay=0.9))
    get_or_compute([(run, 0)])
    masked = weights_of_masked(run)
    assert len(masked)
    assert not masked.any()


def test_a_run_has_one_thread_wherever_it_is_carried_out():
    alone = get_or_compute([(DENSE, 0)])[0]
    forget((DENSE, 0))
    torch.set_num_threads(2)
    again = get_or_compute([(DENSE, 0)])[0]
    assert again.weights == alone.weights
    assert again.timing["threads"] == 1


def test_a_record_names_what_the_run_began_from():
    first, second = on_ticket(sparsity=0.5, epoch=0), on_ticket(sparsity=0.5, draw=1)
    merged = replace(first, ticket=MergedTicket((first.ticket, WeightTicket(second, 0.2))))
    dense, one, record = get_or_compute([(DENSE, 0), (first, 0), (merged, 0)])
    assert dense.inputs == {}
    assert one.inputs["ticket"] == dense.weights
    assert one.inputs["start"] == stored_checksum(folder_of(DENSE) / "epoch-0.safetensors")
    assert record.inputs["ticket 1"] == dense.weights
    assert record.inputs["ticket 2"] == get_or_compute([(second, 0)])[0].weights


def test_a_parent_made_on_other_data_is_refused_with_both_checksums_and_the_mend():
    get_or_compute([(DENSE, 0)])
    file = folder_of(DENSE) / store.RECORD_FILE
    record = json.loads(file.read_text())
    ours = record["data"]
    file.write_text(records.write(replace(records.read(file.read_text()), data="of-old")))
    with pytest.raises(
        RunFailed, match=f"of-old, here it has {ours}; `repro compute {config.name(DENSE)} --seed 0 --refresh`"
    ):
        get_or_compute([(on_ticket(epoch=0), 0)])
    other = replace(on_ticket(epoch=0), data=Data("digit-scenes", 48, 32))
    assert get_or_compute([(other, 0)]), "data of another name are the child's own affair"


def spoil(file, change):
    """Change a weight in a file of a run, checksum and all."""
    tensors, meta = load_tensors(file)
    key = next(n for n in tensors if n.endswith("conv1.weight"))
    tensors[key] = change(tensors[key])
    save_tensors(file, tensors, meta)


@pytest.mark.parametrize("file", ["epoch-0.safetensors", procedure.FINAL_FILE])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.fill_(float("nan")), r"conv1\.weight that are infinite or not numbers; .*lower learning_rate"),
        (lambda t: t.to(torch.int8), r"conv1\.weight as torch\.int8, and weights are floating-point"),
    ],
)
def test_weights_of_a_parent_that_are_no_numbers_are_refused(file, change, said):
    get_or_compute([(DENSE, 0)])
    spoil(folder_of(DENSE) / file, change)
    with pytest.raises(RunFailed, match=said):
        get_or_compute([(on_ticket(epoch=0), 0)])


def final_weights(run):
    return load_tensors(folder_of(run) / "final.safetensors")[0]


@pytest.mark.parametrize("optimizer", ["momentum", "adamw"])
def test_going_on_with_the_optimisers_state_is_as_if_the_training_had_never_stopped(optimizer):
    dense = replace(DENSE, training=replace(DENSE.training, optimizer=optimizer))
    again = replace(dense, training=replace(dense.training, snapshot_epochs=()))
    fresh, held = (replace(again, start=config.Rewind(dense, 1, optimizer=kept)) for kept in (False, True))
    get_or_compute([(fresh, 0), (held, 0)])
    whole = final_weights(dense)
    assert all(torch.equal(tensor, whole[name]) for name, tensor in final_weights(held).items())
    assert not all(torch.equal(tensor, whole[name]) for name, tensor in final_weights(fresh).items())
    record = json.loads((folder_of(held) / "record.json").read_text())
    assert record["inputs"]["optimizer"] == stored_checksum(folder_of(dense) / "optimizer-1.safetensors")


def test_before_the_first_step_an_optimiser_holds_nothing_to_go_on_with():
    with pytest.raises(config.ConfigError, match="rewind to a later epoch"):
        config.Rewind(DENSE, 0, optimizer=True)


def test_a_record_says_how_much_of_a_ticket_was_largest_where_it_begins():
    lth, rr = (on_ticket(**how) for how in ({"epoch": 0}, {"draw": 1}))
    found = [record.metrics["overlap"] for record in get_or_compute([(lth, 0), (rr, 0)])]
    assert found[0] > 0.8, "a short training hardly moves the weights"
    assert found[1] == pytest.approx(0.5, abs=0.1), "another draw agrees by chance"
