"""Executes a notebook with papermill into a page and checks the page before it is kept.

Papermill writes its output where the run failed, and keeps times and paths that differ from run to run. Here a failed
notebook never replaces a good page, and two runs over the same records give the same bytes. Several notebooks are
executed side by side: most of their time is the start of a kernel.
"""

import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from pathlib import Path
from typing import Any

import nbformat
import papermill
from joblib.externals.loky import ProcessPoolExecutor

from repro import paths

Job = tuple[Path, Path, dict[str, Any]]  # a notebook, the page to make of it, its parameters
KERNEL = "python3"
HIDDEN = "hide-input"  # tag of cells whose code the book folds away


class NotebookFailed(RuntimeError):
    """A notebook that did not run to its end, or whose page is not fit to be shown."""


def execute_all(jobs: Sequence[Job]) -> Iterator[Path]:
    """Execute notebooks on all cores and yield each page when it is made. Raises what `execute` raises."""
    workers = min(len(jobs), len(os.sched_getaffinity(0)))
    if workers == 1:
        yield from (execute(*job) for job in jobs)
        return
    pool = ProcessPoolExecutor(workers)
    try:
        for page in as_completed([pool.submit(execute, *job) for job in jobs]):
            yield page.result()
    finally:
        pool.shutdown(kill_workers=True)


def execute(source: Path, output: Path, parameters: dict[str, Any]) -> Path:
    """Execute a notebook into a page and return it.

    Raises NotebookFailed for a notebook that fails and for a full disk; an older page at `output` then stays as it was.
    """
    os.environ["PAPERMILL"] = "1"  # the kernel inherits it: no progress bars on a page
    raw = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        raw.parent.mkdir(parents=True, exist_ok=True)
        # Papermill calls a parameter unknown whose type is a union; here parameters are checked by then.
        logging.getLogger("papermill").setLevel(logging.ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            papermill.execute_notebook(
                source,
                raw,
                parameters,
                kernel_name=KERNEL,
                progress_bar=False,
                extra_arguments=["--log-level=CRITICAL"],
            )
        page = clean(nbformat.read(raw, as_version=4))
        check_page(page, source.name)
        nbformat.write(page, raw)
        raw.replace(output)
    except papermill.PapermillExecutionError as error:
        raise NotebookFailed(
            f"{source.name} failed in cell {error.exec_count}: {error.ename}: {error.evalue}"
        ) from error
    except OSError as error:
        mend = "free some space or make its folder writable, and run the same command again"
        raise NotebookFailed(f"cannot make {output}: {error}; {mend}") from error
    finally:
        raw.unlink(missing_ok=True)
    return output


def clean(page: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop what differs from run to run, fix the cells' ids and fold away the parameters that were injected."""
    page.metadata.pop("papermill", None)
    page.metadata.get("language_info", {}).pop("version", None)
    for number, cell in enumerate(page.cells):
        cell.id = f"cell-{number}"
        for noise in ("papermill", "execution"):
            cell.metadata.pop(noise, None)
        tags = cell.metadata.get("tags", [])
        cell.metadata["tags"] = [t for t in tags if t != "papermill-error-cell-tag"]
        if "injected-parameters" in tags and HIDDEN not in tags:
            cell.metadata["tags"].append(HIDDEN)
        if not cell.metadata["tags"]:
            del cell.metadata["tags"]
        if figure := figure_metadata(cell.source):
            cell.metadata["mystnb"] = figure
    return page


def figure_metadata(source: str) -> dict[str, Any]:
    """What Jupyter Book 1 wants to know of a figure, from the `#| name: value` lines that Jupyter Book 2 reads."""
    lines = (line[2:].partition(":") for line in source.splitlines() if line.startswith("#|"))
    said = {name.strip(): value.strip() for name, _, value in lines}
    if "label" not in said:
        return {}
    return {"figure": {"name": said["label"], "caption": said["caption"]}, "image": {"alt": said["alt"]}}


def check_page(page: nbformat.NotebookNode, name: str) -> None:
    """Raise NotebookFailed where a page holds an error, something on stderr, or a path of this machine."""
    private = {str(paths.CHECKOUT), str(paths.home()), str(Path.home())} - {"/"}
    for cell in page.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                raise NotebookFailed(f"{name}: {output.ename}: {output.evalue}")
            if output.get("name") == "stderr":
                raise NotebookFailed(f"{name} printed to stderr: {output.text.strip()[:300]}")
            if found := [p for p in private if p in str(output)]:
                raise NotebookFailed(f"{name} shows a path of this machine: {found[0]}")
