"""Folders that the environment names: a bad one is refused in one line, before anything is written."""

import os
import sys
from pathlib import Path

import pytest

from repro import cli, paths

BAD = {
    "": "an absolute path is needed",
    ".": "an absolute path is needed",
    "some/folder": "an absolute path is needed",
    "/" + 300 * "x": "File name too long",
    2000 * "/xx": "File name too long",
    __file__: "a file is there",
    f"{__file__}/below": "Not a directory",
    "~no-such-user/runs": "Could not determine home directory",
}


@pytest.mark.parametrize("variable", ["REPRO_HOME", "REPRO_DATA"])
@pytest.mark.parametrize(("value", "why"), BAD.items(), ids=lambda text: text[-20:])
def test_a_bad_folder_is_refused_by_name_with_the_mend(variable, value, why, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(
        paths.PathError, match=rf"{variable}=.* cannot be used: {why}.*; point {variable} at .*unset it"
    ):
        paths.home() if variable == "REPRO_HOME" else paths.data()


@pytest.mark.parametrize("value", ["", ".", __file__, "/proc/repro"])
@pytest.mark.parametrize(
    "words",
    [
        ["run", "subsets-theory"],
        ["execute", "subsets-theory"],
        ["compute", "x"],
        ["run", "subsets-theory", "--refresh"],
    ],
    ids=" ".join,
)
def test_a_command_ends_in_one_line_and_writes_nothing(words, value, refusal, monkeypatch, tmp_path):
    from repro.artefacts import base, find_artefact
    from repro.config import name

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPRO_HOME", value)
    words = [name(base.plan(find_artefact("subsets-theory"), "demo")[0][0].run) if w == "x" else w for w in words]
    assert refusal(*words).startswith(f"repro: REPRO_HOME={value!r} cannot be used: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["cifar10", "cifar100", "ag_news"])
@pytest.mark.parametrize("value", ["", ".", __file__, f"{__file__}/below", "/proc/repro"])
def test_nothing_is_fetched_into_a_bad_folder(name, value, refusal, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REPRO_DATA", value)
    said = refusal("data", "fetch", name)
    assert said.startswith(f"repro: REPRO_DATA={value!r} cannot be used: ")
    assert said.endswith("point REPRO_DATA at a folder of your own, or unset it")
    assert list(tmp_path.iterdir()) == []


def test_doctor_names_bad_folders_and_goes_on(monkeypatch, capsys):
    monkeypatch.setenv("REPRO_HOME", "")
    monkeypatch.setenv("REPRO_DATA", "/proc/repro")
    monkeypatch.setattr(sys, "argv", ["repro", "doctor"])
    with pytest.raises(SystemExit):
        cli.main()
    said = capsys.readouterr().out
    assert "MEND runs cannot be kept\n     REPRO_HOME='' cannot be used" in said
    assert "MEND CIFAR-10 not usable" in said


def test_unset_variables_mean_the_checkout(monkeypatch):
    monkeypatch.delenv("REPRO_HOME")
    monkeypatch.delenv("REPRO_DATA")
    assert paths.data() == paths.CHECKOUT / ".repro" / "data"


def test_the_home_of_the_user_may_be_written_short(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REPRO_HOME", "~/runs")
    assert paths.make_folder(paths.home()) == tmp_path / "runs"
    assert (tmp_path / "runs").is_dir()


def test_a_folder_of_another_user_is_refused(monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(
        paths.PathError, match=r"REPRO_HOME=.* cannot be used: Permission denied: .*; point REPRO_HOME at"
    ):
        paths.make_folder(paths.home())
    monkeypatch.delenv("REPRO_DATA")
    with pytest.raises(paths.PathError, match=r"point REPRO_DATA at a folder of your own$"):
        paths.make_folder(paths.data())


@pytest.mark.parametrize(("place", "variable"), [("home", "REPRO_HOME"), ("data", "REPRO_DATA")])
def test_a_file_below_that_cannot_be_read_names_the_folder(place, variable, refusal, monkeypatch):
    file = getattr(paths, place)() / "below" / "file"

    def fail(**_):
        raise PermissionError(13, "Permission denied", str(file))

    monkeypatch.setattr(cli, "app", fail)
    assert refusal().startswith(f"repro: {variable}={os.environ[variable]!r} cannot be used: Permission")


def test_an_error_of_any_other_file_is_no_error_of_the_folders(monkeypatch):
    assert paths.blame(Path("/etc/passwd"), PermissionError(13, "Permission denied")) is None
