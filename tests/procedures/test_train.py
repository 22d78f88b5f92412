import torch

from repro.procedures import train as procedure
from repro.runs import store
from repro.runs.schedule import get_or_compute
from repro.training.checkpoint import load_tensors
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
