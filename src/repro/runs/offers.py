"""Records that other machines made, as they are found in files and folders, and what is checked of each.

Nothing but regular files is read, and tensors only as safetensors: nothing is unpickled, unpacked or followed.
"""

import functools
import importlib
import json
import math
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from repro import config, procedures
from repro.disk import read_bytes
from repro.procedures import RECORD_FILE
from repro.runs import record as records
from repro.runs.record import Record

RUN_NAME = re.compile(r'"([a-z]+-[0-9a-f]{12})"')
LAYOUTS = ("", "seed*/", "*/seed*/", "runs/*/seed*/")  # from a folder that is offered to the records of a store


class Refused(ValueError):
    """Why a run of another machine is not taken."""


@dataclass(frozen=True)
class Offer:
    """A record as it lies there, unread, with what lies beside it."""

    where: str  # file and line, or folder
    text: str
    folder: Path | None = None  # of its run, where it has one

    @property
    def files(self) -> list[Path]:
        """Files of tensors beside the record, but not what an interrupted training left."""
        from repro.training.loop import STATE_FILE

        found = sorted(self.folder.glob("*.safetensors")) if self.folder else []
        return [file for file in found if file.name != STATE_FILE]


@dataclass(frozen=True)
class Checked:
    """An offer whose record is what it says of itself."""

    offer: Offer
    record: Record
    has_data: bool  # whether the data are here that it was made on

    @property
    def name(self) -> str:
        """The run and its seed, as they are shown."""
        return f"{self.record.name} seed {self.record.seed}"

    @property
    def needs(self) -> set[str]:
        """Names of the runs that its config holds."""
        return set(RUN_NAME.findall(json.dumps(self.record.config)))


def find_offers(source: Path) -> list[Offer]:
    """Records in a file of JSON lines, a folder of such files, or a store or any part of one.

    Raises ConfigError where there are none.
    """
    lines = [source] if source.is_file() else sorted(source.glob("*.jsonl"))
    found = [offer for file in lines for offer in _read_lines(file)]
    for layout in LAYOUTS:
        for file in sorted(source.glob(f"{layout}{RECORD_FILE}")):
            if not layout or re.fullmatch(r"seed\d+", file.parent.name):
                found.append(Offer(str(file.parent), _read_text(file), file.parent))
    if not found:
        raise config.ConfigError(
            f"no records in {source}; name a file of records (.jsonl), a folder of such files, or another REPRO_HOME"
        )
    return found


def _read_lines(file: Path) -> Iterator[Offer]:
    for number, line in enumerate(_read_text(file).splitlines(), start=1):
        if line.strip():
            yield Offer(f"{file}, line {number}", line)


def _read_text(file: Path) -> str:
    """A text; nothing of what is no regular file, or no text: such a record is then refused as damaged."""
    try:
        return read_bytes(file).decode() if file.is_file() and not file.is_symlink() else ""
    except (OSError, ValueError):
        return ""


def check(offer: Offer) -> Checked:
    """The record of an offer. Raises Refused where it, or a file beside it, is not what it says of itself."""
    try:
        record = records.read(offer.text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"damaged: {error}") from error
    check_fields(record)
    check_name(record)
    if offer.folder and (record.name, f"seed{record.seed}") != (offer.folder.parent.name, offer.folder.name):
        raise Refused(f"the record of {record.name} seed {record.seed} lies in the folder of another run")
    check_files(record, offer.files)
    here = data_here(record)
    if here not in (None, record.data):
        raise Refused(f"it was made on data with the checksum {record.data}, and here they have {here}")
    return Checked(offer, record, here is not None)


def check_fields(record: Record) -> None:
    """Raise Refused where a field is not of its type, or a metric is no number."""
    kinds: dict[str, type] = {"name": str, "seed": int, "config": dict, "metrics": dict, "timing": dict, "data": str}
    kinds |= {"inputs": dict, "weights": str, "tickets": str, "history": list, "details": dict, "origin": str}
    for name, kind in kinds.items():
        if not isinstance(value := getattr(record, name), kind) or isinstance(value, bool):
            raise Refused(f"{name} is no {kind.__name__}")
    if record.seed < 0 or not record.metrics:
        raise Refused(f"a run has a seed from 0 on and a metric; it has {record.seed} and {len(record.metrics)}")
    for name, value in record.metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise Refused(f"the metric {name} is no number")


def check_name(record: Record) -> None:
    """Raise Refused where a record has another name than its config gives it, or is of no kind that is known here."""
    if record.schema != config.SCHEMA:
        raise Refused(f"it was made under schema {record.schema}, and this version reads schema {config.SCHEMA}")
    kind = record.name.rpartition("-")[0]
    if kind not in kinds():
        raise Refused(f"no run of the kind {kind!r} is known here; it is of a newer version, or of none")
    if (name := f"{kind}-{config.key_of(kind, record.config)}") != record.name:
        raise Refused(f"its config is that of {name}, and it calls itself {record.name}")


@functools.cache
def kinds() -> dict[str, procedures.Procedure]:
    """Every kind of run that is known here."""
    modules = [module.name for module in pkgutil.iter_modules(procedures.__path__)]
    found = {name: importlib.import_module(procedures.entry(name)) for name in modules}
    return {name: module.PROCEDURE for name, module in found.items() if hasattr(module, "PROCEDURE")}


def check_files(record: Record, files: list[Path]) -> None:
    """Raise Refused where a file beside a record is damaged, or none is the one that the record names."""
    from repro.training.checkpoint import DamagedFile, load_tensors, stored_checksum

    for file in files:
        if file.is_symlink() or not file.is_file():
            raise Refused(f"{file.name} beside it is no regular file")
        try:
            load_tensors(file)
        except DamagedFile as error:
            raise Refused(f"damaged: {error}") from error
    found = set(map(stored_checksum, files))
    for what in ("weights", "tickets"):
        if files and (named := getattr(record, what)) and named not in found:
            raise Refused(f"none of the files beside it holds its {what}, which have the checksum {named[:12]}")


def data_here(record: Record) -> str | None:
    """The checksum of the data here that a record's config names; None where they are not here, or it names none."""
    kind = kinds()[record.name.rpartition("-")[0]].config
    for field in fields(kind):
        if read := READERS.get(field.name):
            try:
                return read(json.dumps(record.config.get(field.name, {}), sort_keys=True))
            except (RuntimeError, ValueError, TypeError):  # not here, too few, or classes that a run chooses
                return None
    return None


@functools.lru_cache(maxsize=16)
def _images(given: str) -> str:
    from repro.data import load_dataset

    return load_dataset(config.Data(**json.loads(given))).checksum()


@functools.lru_cache(maxsize=16)
def _texts(given: str) -> str:
    from repro.data.text import load_texts

    return load_texts(config.Texts(**json.loads(given))).checksum


READERS: dict[str, Callable[[str], str]] = {"data": _images, "texts": _texts}  # by the field that names them
