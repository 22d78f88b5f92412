"""One run by several processes: the first has it, the others help and write nothing, and it comes to what one makes."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from repro import config, lease, paths
from repro.artefacts import table1
from repro.config import Data, Model, PatchTicket, Rewind, SelectRun, Training, TrainRun, WeightTicket
from repro.runs import leading, schedule, store, together
from repro.runs.backends.gpus import Gpu
from repro.training.loop import STATE_FILE
from tests.conftest import DENSE

ROOT = Path(__file__).resolve().parents[2]
HANGS = 300  # seconds after which processes are taken to hang
DATA = Data("digit-scenes", 64, 32)
PLAIN = Training(epochs=2, batch_size=16, optimizer="adamw", learning_rate=1e-3, precision="fp32", snapshot_epochs=(0,))
SELECTOR = TrainRun(DATA, Model("vit", width=16, depth=4, heads=2, drop_path=0.1), PLAIN)
SELECTED = SelectRun(SELECTOR, 0.7, DATA)
STUDENT = replace(  # on random patches: which ones a selector prefers may turn on the last bit of its weights
    SELECTOR,
    training=replace(PLAIN, epochs=4, mixup=0.8, cutmix=1.0, ema_decay=0.9, snapshot_epochs=()),
    patches=PatchTicket(SELECTED, "random"),
    ticket=WeightTicket(SELECTOR, 0.5, scope="msa-mlp"),
    start=Rewind(SELECTOR),
)
TOLERANCE = 1e-4  # of a loss, in fp32, of a run that begins from another

SCRIPT = """
import os, sys, torch
from repro import disk
from repro.runs.leading import with_others
from tests.runs import test_together
rank, world, rendezvous = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), sys.argv[1]
if rank:
    def refuse(*_, **__):
        os._exit(9)
    disk.os.fsync = refuse  # whatever is written is flushed
torch.distributed.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=world)
with_others(test_together.work)()
"""


def work():
    """What the first process does."""
    from repro.training import loop

    loop.CHECKPOINT_SECONDS = 0.0
    schedule.get_or_compute([(STUDENT, 0)], use_committed=False)


def start(home, rank, world, rendezvous):
    said = {"RANK": rank, "WORLD_SIZE": world, "LOCAL_RANK": rank, "REPRO_HOME": home}
    environment = os.environ | {name: str(value) for name, value in said.items()} | {"PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    command = [sys.executable, "-c", SCRIPT, str(rendezvous)]
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)


def start_all(home, world=2):
    """Processes that carry the student out together in a store."""
    home.mkdir(exist_ok=True)
    rendezvous = home / f"rendezvous-{time.monotonic_ns()}"
    return [start(home, rank, world, rendezvous) for rank in range(world)]


def finish(processes):
    """What the processes said, once they are through."""
    said = [process.communicate(timeout=HANGS)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * len(processes), said
    return said


def records_in(home, monkeypatch):
    monkeypatch.setenv("REPRO_HOME", str(home))
    return {run: store.find_local(run, 0) for run in (SELECTOR, SELECTED, STUDENT)}


@pytest.fixture(scope="module")
def of_two(tmp_path_factory):
    """A store that two processes filled, and what they said."""
    home = tmp_path_factory.mktemp("two")
    return home, finish(start_all(home))


@pytest.mark.slow
def test_two_processes_make_the_records_of_one(of_two, home, monkeypatch):
    folder, said = of_two
    assert "[3/3]" in said[0]
    assert said[1] == ""
    made = records_in(folder, monkeypatch)
    assert not list(folder.rglob("lease.*"))
    monkeypatch.setenv("REPRO_HOME", str(home))
    schedule.get_or_compute([(STUDENT, 0)])
    for run, alone in records_in(home, monkeypatch).items():
        assert (made[run].config, made[run].data, made[run].seed) == (alone.config, alone.data, alone.seed)
        losses = [[entry["train_loss"] for entry in record.history] for record in (made[run], alone)]
        assert losses[0] == pytest.approx(losses[1], rel=TOLERANCE)
        assert made[run].metrics == pytest.approx(alone.metrics, abs=2 / 32)
        assert "processes" not in alone.timing
    assert [made[run].timing.get("processes") for run in (SELECTOR, SELECTED, STUDENT)] == [2, None, 2]


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_when_one_is_killed_the_others_end_and_all_go_on_from_the_checkpoint(of_two, killed, tmp_path, monkeypatch):
    home = tmp_path / "home"
    processes = start_all(home)
    state = home / "runs" / config.name(STUDENT) / "seed0" / STATE_FILE
    while not state.exists():
        assert [process.poll() for process in processes] == [None, None]
        time.sleep(0.01)
    processes[killed].kill()
    said = processes[1 - killed].communicate(timeout=HANGS)[1]
    assert processes[1 - killed].returncode != 0, said
    processes[killed].communicate()
    assert state.exists()
    finish(start_all(home))
    undisturbed = records_in(of_two[0], monkeypatch)[STUDENT]
    record = records_in(home, monkeypatch)[STUDENT]
    assert (record.weights, record.metrics, record.history) == (
        undisturbed.weights,
        undisturbed.metrics,
        undisturbed.history,
    )


def torchrun(home, *words, world=2):
    """`torchrun` with a command of this package."""
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={world}"]
    environment = os.environ | {"REPRO_HOME": str(home), "PYTHONPATH": f"{ROOT}/src:{ROOT}"}
    return subprocess.run(
        [*command, "-m", "repro.cli", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=HANGS,
    )


@pytest.mark.slow
def test_torchrun_carries_a_run_out_by_its_name(home):
    run = next(arm.run for arm in table1.ARTEFACT.grid("demo") if arm.run.ticket is None)
    done = torchrun(home, "compute", config.name(run))
    assert done.returncode == 0, done.stderr
    record = store.find_local(run, 0)
    assert done.stdout == f"{config.name(run)} seed 0: {record.outcome}\n"
    assert record.timing["processes"] == 2
    assert record.metrics["accuracy"] > 0.5


@pytest.mark.slow
def test_a_run_that_cannot_be_shared_ends_the_command_with_the_reason(home):
    done = torchrun(home, "run", "table2", "-p", "seeds=0")
    assert done.returncode != 0
    assert "BatchNorm cannot be trained by 2 processes on CPUs" in done.stderr
    assert not list(home.glob("runs/*/*/record.json"))


def test_a_command_that_is_not_shared_says_which_are(monkeypatch):
    for name, value in (("RANK", "0"), ("WORLD_SIZE", "2"), ("LOCAL_RANK", "0")):
        monkeypatch.setenv(name, value)
    with pytest.raises(together.NotTogether, match="torchrun can start `repro run` and `repro compute`"):
        store.compute(DENSE, 0)
    with together.alone():
        assert store.compute(DENSE, 0)
    assert os.environ["RANK"] == "0"


def test_each_process_of_a_machine_has_a_gpu_of_its_own(monkeypatch, home):
    cards = [Gpu("GPU-one", "0"), Gpu("GPU-two", "3")]
    monkeypatch.setattr(leading, "visible_gpus", lambda: cards)
    monkeypatch.setenv("WORLD_SIZE", "4")
    for rank in (0, 1):
        monkeypatch.setenv("RANK", str(rank))
        monkeypatch.setenv("LOCAL_RANK", str(rank))
        with leading.own_gpu():
            assert cards[rank].claim() is None
            assert lease.is_held(paths.gpus() / "nobody's") is False
    with cards[1].claim(), pytest.raises(together.NotTogether, match="GPU 3 is in use by another command"):
        leading.own_gpu()
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(together.NotTogether, match="more processes on this machine than the 2 GPUs"):
        leading.own_gpu()


def test_one_process_does_what_the_command_says_and_meets_nobody(monkeypatch):
    monkeypatch.setattr(together, "connect", lambda: pytest.fail("there is nobody to meet"))
    said = []
    leading.with_others(said.append)("done")
    assert said == ["done"]
