"""Runs on a Ray cluster: what is handed over, what each sees, and that nothing is lost with a machine or a driver."""

import contextlib
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from repro import cli, config, procedures
from repro.procedures import Procedure
from repro.runs import schedule, store
from repro.runs.backends.gpus import VISIBLE
from repro.runs.needs import Needs
from repro.runs.workers import OutOfMemory, WorkerLost
from tests.conftest import DENSE
from tests.runs import jobs, small

ray = pytest.importorskip("ray")
from ray import exceptions  # noqa: E402
from ray.cluster_utils import Cluster as RayCluster  # noqa: E402

from repro.runs.backends import flights  # noqa: E402
from repro.runs.backends import ray as backend  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
HANGS = 600  # seconds after which a process is taken to hang
PATIENCE = 5  # times that a machine is started once more
ARTEFACTS = ("table1", "table2")
OPTIONS = ["seeds=0", "epochs=1.2"]  # every run of the tables, each as short as rewinding to epoch 1 allows
GB = 2**30


@pytest.fixture
def idle(monkeypatch):
    """A backend whose cluster has 4 cores, 2 GPUs and 10 GB in one machine; what it hands over goes nowhere."""
    cluster = backend.Cluster()
    cluster._looked = float("inf")
    have = {"CPU": 4.0, "GPU": 2.0, "memory": 10.0 * GB}
    cluster._machines.total.update(have)
    cluster._machines.most.update(have)
    cluster._has_gpus = True

    def hand_over(count, **needs):
        needs = Needs(**{"cores": 1, "gpu": 0.0, "memory_mb": 100, "seconds": None} | needs)
        monkeypatch.setattr(backend, "find_needs", lambda run: needs)
        for seed in range(count):
            cluster.submit((DENSE, seed))
        found = []
        cluster._waiting.take(lambda task: cluster._board(task, found))
        return found

    cluster.hand_over = hand_over
    return cluster


def seeds(found):
    return [[seed for _, seed in flight.tasks] for flight in found]


@pytest.mark.parametrize(
    ("needs", "count"),
    [({}, 8), ({"cores": 2}, 4), ({"gpu": 1.0}, 4), ({"gpu": 0.5}, 8), ({"memory_mb": 5 * 1024}, 4)],
)
def test_twice_what_the_cluster_holds_is_handed_over_and_the_rest_waits(idle, needs, count):
    assert len(idle.hand_over(20, **needs)) == count
    assert len(idle._waiting) == 20 - count


def test_what_no_machine_has_is_asked_for_as_far_as_one_has_it(idle):
    (flight,) = idle.hand_over(1, cores=9, memory_mb=10**6)
    assert (flight.shape["CPU"], flight.shape["memory"]) == (4, 10 * GB)


def test_where_there_never_was_a_gpu_a_run_is_carried_out_without_and_else_waits(idle, monkeypatch, capsys):
    def look(resources):
        monkeypatch.setattr(backend.ray, "nodes", lambda: [{"Alive": True, "Resources": resources}])
        idle._looked = -float("inf")
        idle._look()
        found = idle.hand_over(1, gpu=1.0)
        return found[0].shape["GPU"]

    idle._has_gpus = False
    assert look({"CPU": 4.0, "memory": 1.0}) == 0
    assert look({"CPU": 4.0, "memory": 1.0, "GPU": 1.0}) == 1
    assert not capsys.readouterr().err
    idle._used.clear()
    assert look({"CPU": 4.0, "memory": 1.0}) == 1
    assert "no machine of the cluster has a GPU any more; waiting for one" in capsys.readouterr().err


def test_a_cluster_that_has_nothing_yet_is_asked_for_one_run(idle):
    idle._machines.total.clear()
    assert len(idle.hand_over(5)) == 1


def test_short_runs_on_gpus_share_a_process_as_far_as_every_gpu_has_some(idle):
    assert seeds(idle.hand_over(7, gpu=1.0, seconds=10.0)) == [[0, 1, 2, 3], [4, 5, 6]]


def test_runs_that_share_a_process_take_five_minutes_together_at_most(idle):
    assert [len(one) for one in seeds(idle.hand_over(100, gpu=1.0, seconds=50.0))] == [6, 6, 6, 6]


@pytest.mark.parametrize("needs", [{"gpu": 1.0}, {"gpu": 1.0, "seconds": 90.0}, {"seconds": 1.0}])
def test_runs_that_are_long_or_of_unknown_length_or_need_no_gpu_have_a_process_each(idle, needs):
    assert all(len(one) == 1 for one in seeds(idle.hand_over(3, **needs)))


def test_after_a_lack_of_memory_a_run_asks_for_twice_as_much(idle):
    error = idle._why((DENSE, 0), exceptions.OutOfMemoryError("full"))
    assert isinstance(error, OutOfMemory)
    first, second = idle.hand_over(2)
    assert first.shape["memory"] == 2 * second.shape["memory"]


def test_only_what_a_machine_did_is_tried_again(idle):
    for lost in (exceptions.WorkerCrashedError(), exceptions.NodeDiedError("gone"), StopIteration()):
        assert isinstance(idle._why((DENSE, 0), lost), WorkerLost)
    assert not isinstance(idle._why((DENSE, 0), exceptions.RuntimeEnvSetupError("odd")), WorkerLost)


def test_a_machine_with_other_code_refuses():
    task = (DENSE, 0)
    entry = procedures.entry("train")
    flights.check_code(flights.identity(task), flights.code_digest(entry), task)
    for name, code in (("train-0", flights.code_digest(entry)), (config.name(DENSE), "older")):
        with pytest.raises(flights.OtherCode, match="bring every machine to one commit"):
            flights.check_code((name, 0), code, task)


def test_without_ray_it_is_said_how_to_install_it(monkeypatch, refusal):
    monkeypatch.setattr(schedule.importlib.util, "find_spec", lambda name: None)
    assert "pip install 'ray>=2.60,<3'" in refusal("run", "table1", "--backend", "ray")


def test_what_no_backend_is_called_is_refused(refusal):
    assert "unknown backend 'slurm': choose one of local, ray" in refusal("execute", "table1", "--backend", "slurm")
    assert "--address x is for --backend ray" in refusal("run", "table1", "--address", "x")


@pytest.fixture(scope="module")
def cluster():
    """Two machines, as far as Ray knows: one with a core, one with two and two GPUs that are not there."""
    started = RayCluster()
    add_machine(started, num_cpus=1, include_dashboard=False)
    started.second = add_machine(started, num_cpus=2, num_gpus=2)
    yield started
    started.shutdown()


def add_machine(cluster, **has):
    """One more machine. Ray waits 30 seconds for one, which is too short where everything else runs too."""
    for _ in range(PATIENCE):
        with contextlib.suppress(Exception):
            return cluster.add_node(**has)
    return cluster.add_node(**has)


@pytest.fixture
def doing(cluster, monkeypatch):
    """Has workers of the cluster do something else than carry runs out."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    opened = []

    def make(job, count, **needs):
        monkeypatch.setattr(backend, "carry", job)
        monkeypatch.setattr(procedures, "find", lambda run: Procedure(type(run), None, **needs))
        opened.append(backend.connect(cluster.address))
        for seed in range(count):
            opened[-1].submit((DENSE, seed))
        return opened[-1]

    yield make
    for one in opened:
        one.cancel()


def finish(one, count):
    ended = []
    while len(ended) < count:
        ended += one.wait(5)
    return {e.task[1]: e.error for e in ended}


@pytest.mark.slow
@pytest.mark.parametrize(("share", "seen"), [(1.0, {"0", "1"}), (0.0, {""})])
def test_a_run_sees_the_gpu_it_has_and_no_other(doing, share, seen):
    finish(doing(jobs.carry_telling, 3, gpu=share), 3)
    assert set(jobs.seen().values()) == seen


@pytest.mark.slow
def test_a_worker_that_is_killed_takes_only_its_own_run_along(doing):
    errors = finish(doing(jobs.carry_dying_of_seed_0, 3), 3)
    assert isinstance(errors[0], WorkerLost)
    assert errors[1] is errors[2] is None


@pytest.mark.slow
def test_giving_up_ends_what_is_running(doing):
    one = doing(jobs.carry_lasting, 2)
    while len(one.running()) < 2:
        assert one.wait(0.1) == []
    running = [psutil.Process(int(number)) for number in jobs.seen().values()]
    one.cancel()
    assert psutil.wait_procs(running, timeout=HANGS)[1] == []


def drive(address, home):
    """The command, driving on the cluster into a store."""
    given = [word for option in OPTIONS for word in ("-p", option)]
    command = [
        sys.executable,
        "-m",
        "tests.runs.small",
        "run",
        *ARTEFACTS,
        *given,
        "--backend",
        "ray",
        "--address",
        address,
    ]
    return subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"REPRO_HOME": str(home)}, stderr=subprocess.PIPE, text=True
    )


def until_done(home, count, process):
    """Wait for so many records."""
    while len(list(home.glob("runs/*/*/record.json"))) < count:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)


def results(home, monkeypatch):
    """What the records of the tables say that may not depend on where and how often they were begun."""
    monkeypatch.setenv("REPRO_HOME", str(home))
    tasks = [task for artefact in ARTEFACTS for task in cli.planned(artefact, "demo", OPTIONS)]
    records = [store.find_local(*task) for task in store.with_parents(tasks)]
    assert all(records)
    return [replace(r, timing={}, provenance=None) for r in records]


@pytest.mark.slow
def test_a_machine_and_a_driver_are_killed_and_the_records_are_those_of_this_machine_alone(
    cluster, tmp_path, monkeypatch
):
    home, alone = tmp_path / "cluster", tmp_path / "alone"
    for table, size in small.SIZES.items():
        monkeypatch.setitem(table.SIZES, "demo", size)
    cluster.remove_node(cluster.second)
    doomed = add_machine(cluster, num_cpus=2)
    process = drive(cluster.address, home)
    until_done(home, 3, process)
    cluster.remove_node(doomed, allow_graceful=False)
    cluster.second = add_machine(cluster, num_cpus=2)
    until_done(home, 10, process)
    process.kill()
    process.wait()
    again = drive(cluster.address, home)
    assert again.wait(HANGS) == 0, again.stderr.read()
    assert "goes on in another" in process.stderr.read()
    monkeypatch.setenv("REPRO_WORKERS", "2")
    monkeypatch.setenv("REPRO_HOME", str(alone))
    monkeypatch.delenv(VISIBLE, raising=False)
    wanted = [task for artefact in ARTEFACTS for task in cli.planned(artefact, "demo", OPTIONS)]
    schedule.get_or_compute(wanted, use_committed=False)
    assert results(home, monkeypatch) == results(alone, monkeypatch)
    assert len(results(home, monkeypatch)) == len(list(home.glob("runs/*/*/record.json")))
