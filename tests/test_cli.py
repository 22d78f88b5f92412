import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from repro.artefacts import REGISTRY
from repro.cli import app, main
from tests.checkout import HANGS

ROOT = Path(__file__).resolve().parents[1]


def repro(*words, **environment):
    command = [sys.executable, "-m", "repro.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=os.environ | environment)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "table9"], "unknown artefact 'table9': choose one of table1, table2, "),
        (["execute", "table1", "--preset", "huge"], "unknown preset 'huge'"),
        (["execute", "table1", "-p", "epoch=3"], "no parameter 'epoch'; it has preset, seeds"),
        (["execute", "table1", "-p", "epochs=three"], "epochs must be a number; got 'three'"),
        (["run", "table1", "-p", "layout=diagonal"], "layout must be one of global, layerwise"),
        (["run", "table1", "-p", "rewind_epoch=99"], "cannot be rewound to epoch 99"),
        (["run", "table2", "--preset", "pocket", "-p", "seeds=99"], "repro data fetch cifar10"),
        (["run", "table1", "--preset", "paper"], "needs an account with its publisher"),
        (["record", "table1", "-p", "seeds=99"], "is not done; carry it out with `repro run`"),
        (["run", "subsets-table13", "--preset", "pocket"], "repro data fetch ag_news"),
        (["run", "subsets-table13", "-p", "share=1.5"], "share must lie above 0 and at most at 1; got 1.5"),
        (["run", "subsets-theory", "-p", "keep_shares=2"], "keep_share must lie above 0 and below 1"),
        (["data", "fetch", "imagenet"], "cannot fetch 'imagenet': choose one of cifar10, cifar100, ag_news"),
        (["book", "--preset", "gpu"], "make reproduce PRESET=gpu"),
        (["run", "table1", "-p", "seeds"], "-p takes name=value"),
        (["run", "figure3", "-p", "tickets=lost"], "tickets must be one of stored, online; got 'lost'"),
        (["run", "figure3", "-p", "keep_rates=1.5"], "keep_rate must lie above 0 and at most at 1; got 1.5"),
        (["tickets", "classes", "--policy", "erc"], "policy erc needs --per-class"),
        (["tickets", "classes", "--policy", "best"], "unknown policy 'best'"),
        (["tickets", "classes", "--policy", "erc", "--per-class", "pyproject.toml"], "pyproject.toml"),
        (["run", "subsets-policies", "--preset", "pocket", "-p", "seeds=99"], "imagenetx_perclass_acc.npz"),
        (["run", "subsets-policies", "-p", "count=1001"], "count must lie in 1 to 1000"),
        (["compute", "train-000000000000"], "no artefact has a run 'train-000000000000'"),
    ],
)
def test_bad_input_is_one_clear_line_and_a_failure(words, said, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["repro", *words])
    with pytest.raises(SystemExit) as stopped:
        main()
    code = stopped.value.code  # a text is printed and means 1
    assert code not in (0, None)
    assert said in f"{code}\n{capsys.readouterr().err}"


def test_workers_that_are_no_number_are_refused():
    done = repro("run", "table1", REPRO_WORKERS="many")
    assert done.returncode == 1
    assert "REPRO_WORKERS must be a whole number" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_an_ended_command_leaves_no_worker_and_says_how_to_go_on(end, home):
    command = [sys.executable, "-m", "repro.cli", "run", "table1", "-p", "epochs=1000000"]
    environment = os.environ | {"REPRO_WORKERS": "2"}
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        while not list(home.glob("runs/*/*/config.json")):
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(end)
        said = process.communicate(timeout=HANGS)[1]  # a worker that goes on would hold the pipe for days
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 130
    assert "goes on from the last checkpoint" in said


@pytest.mark.slow
def test_doctor_says_what_is_missing_and_how_to_mend_it():
    done = repro("doctor")
    assert done.returncode == 0
    assert re.search(r"ok +torch \d", done.stdout)
    assert "MEND CIFAR-10 not usable" in done.stdout
    assert "MEND AG News not usable whole" in done.stdout
    assert "repro data fetch ag_news" in done.stdout
    assert "repro data fetch cifar10" in done.stdout


def test_list_names_every_artefact():
    said = repro("list").stdout
    assert all(name in said for name in REGISTRY)


def test_make_alone_prints_every_target_and_installs_nothing():
    said = subprocess.run(["make"], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    targets = re.findall(r"^([a-z-]+%?): .*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert len(targets) > 12
    assert all(target in said for target in targets)


def test_every_recipe_calls_a_command_that_exists():
    called = set(re.findall(r"\$\(REPRO\) ([a-z]+)", (ROOT / "Makefile").read_text()))
    commands = {c.name or c.callback.__name__ for c in app.registered_commands} | {"data"}
    assert called <= commands


def test_the_readme_names_artefacts_that_exist():
    named = set(re.findall(r"make reproduce-([\w-]+)", (ROOT / "README.md").read_text()))
    assert named
    assert named <= set(REGISTRY)
