"""Files that a user brings, read so that an error names the file, the line and the mend.

Text is UTF-8, with or without a byte order mark. A table is CSV with a header. An array is .npy or .npz, and what would
have to be unpickled is refused. Images lie in class folders, one level deep; hidden files and folders are passed over.
"""

import csv
import io
import math
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

# What NumPy raises on a damaged .npy or .npz, found by damaging some.
DAMAGE = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
    OverflowError,
    MemoryError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
MAGIC = (b"\x93NUMPY", b"PK")  # first bytes of .npy and of .npz
TABLE_MEND = "write a header `class,model,...` and below it a line for each class, separated by commas"
FEATURES_MEND = "make it with `repro tickets features`, or write it with numpy.save"


class DataError(RuntimeError):
    """A data file that is missing or damaged; the message names the file and what mends it."""


def read_text(file: Path) -> str:
    """A text, without its byte order mark. Raises DataError where it cannot be read or is no UTF-8."""
    try:
        content = file.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(f"{file}, line {line}: no UTF-8; save the file as text in UTF-8") from error
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise DataError(f"{file}, line {line}: a zero byte, as in no text; save the file as text in UTF-8")
    return text


def read_names(file: Path) -> list[str]:
    """Names of classes, one a line. Raises DataError where there are none or one is there twice."""
    lines = enumerate(io.StringIO(read_text(file), newline=None), start=1)
    numbered = [(number, line.strip()) for number, line in lines if line.strip()]
    if not numbered:
        raise DataError(f"{file} names no class; write one a line")
    check_distinct(numbered, file)
    return [name for _, name in numbered]


def check_distinct(numbered: list[tuple[int, str]], file: Path) -> None:
    """Raise DataError where a class, given with its line, is named twice."""
    first: dict[str, int] = {}
    for line, name in numbered:
        if first.setdefault(name, line) != line:
            raise DataError(f"{file}, line {line}: class {name!r} is there twice, first in line {first[name]}")


def read_per_class(file: Path) -> tuple[list[str], list[str], np.ndarray]:
    """Names of the classes, names of the models, and accuracies (models, classes) in [0, 1]. Raises DataError."""
    rows = read_rows(file)
    if len(rows) < 2:
        raise DataError(f"{file} holds no table; {TABLE_MEND}")
    (line, header), *body = rows
    models = check_models(header, f"{file}, line {line}")
    for line, row in body:
        if len(row) != len(header):
            raise DataError(f"{file}, line {line}: {len(row)} columns where the header has {len(header)}")
        if not row[0]:
            raise DataError(f"{file}, line {line}: the class has no name; write it in the first column")
    check_distinct([(line, row[0]) for line, row in body], file)
    values = [[read_accuracy(cell, f"{file}, line {line}") for cell in row[1:]] for line, row in body]
    return [row[0] for _, row in body], models, np.array(values).T


def read_rows(file: Path) -> list[tuple[int, list[str]]]:
    """Lines of a CSV file that are not blank, as cells without blanks around them, with their numbers."""
    reader = csv.reader(io.StringIO(read_text(file), newline=""), strict=True, skipinitialspace=True)
    rows = []
    try:
        for row in reader:
            if any(cells := [cell.strip() for cell in row]):
                rows.append((reader.line_num, cells))
    except csv.Error as error:
        raise DataError(f"{file}, line {reader.line_num}: {error}; {TABLE_MEND}") from error
    return rows


def check_models(header: list[str], where: str) -> list[str]:
    """Names of the models from the header of a table. Raises DataError where there are none, doubled or no names."""
    models = header[1:]
    if not models or not all(models):
        raise DataError(f"{where}: each column of the header needs a name; {TABLE_MEND}")
    if doubled := sorted({model for model in models if models.count(model) > 1}):
        raise DataError(f"{where}: model {doubled[0]!r} is there twice; rename one of the two")
    if numbers := [model for model in models if not math.isnan(as_number(model))]:
        raise DataError(f"{where}: {numbers[0]!r} cannot be a model's name, so the header is missing; {TABLE_MEND}")
    return models


def read_accuracy(cell: str, where: str) -> float:
    """A number in [0, 1]. Raises DataError for anything else."""
    value = as_number(cell)
    if not 0 <= value <= 1:
        raise DataError(f"{where}: {cell[:40]!r} is no accuracy; write a number in [0, 1], such as 0.87")
    return value


def as_number(cell: str) -> float:
    """The number that a cell holds as people write it, NaN for none."""
    try:
        return math.nan if "_" in cell else float(cell)
    except ValueError:
        return math.nan


def read_arrays(file: Path, mend: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name, or that of a .npy by ''. Raises DataError; nothing is ever unpickled."""
    try:
        with file.open("rb") as stream:
            if not stream.read(6).startswith(MAGIC):  # NumPy would take it for a pickle, and say how to load that
                raise ValueError("neither .npy nor .npz")
        found = np.load(file, allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"": found}
        with found:
            return {name: found[name] for name in found.files}
    except DAMAGE as error:
        why = getattr(error, "strerror", None) or (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{file} is damaged: {why}; {mend}") from error


def read_features(file: Path, mend: str = FEATURES_MEND) -> np.ndarray:
    """Features (classes, dim) of a .npy file. Raises DataError for another shape, and rows of zeros or no numbers."""
    arrays = read_arrays(file, mend)
    if set(arrays) != {""}:
        raise DataError(f"{file} holds arrays by name ({', '.join(arrays)}), which is .npz; {mend}")
    features = arrays[""]
    if features.ndim != 2 or 0 in features.shape or features.dtype.kind not in "fiu":
        shape = f"{features.dtype} of the shape {features.shape}"
        raise DataError(f"{file} holds {shape} where numbers of the shape (classes, dim) belong; {mend}")
    bad = np.flatnonzero(~np.isfinite(features).all(axis=1) | ~features.any(axis=1))
    if len(bad):
        raise DataError(f"{file}: the feature of class {bad[0]} is zero or no number; {mend}")
    return features


def list_images(folder: Path) -> tuple[list[Path], list[str]]:
    """Images of a folder of class folders and the names of the classes, both in the order of their names.

    Raises DataError where there is no image, a class has none, or a folder lies in a class folder.
    """
    try:
        classes = [path for path in list_folder(folder) if path.is_dir()]
        found = {path: list_folder(path) for path in classes}
    except OSError as error:
        raise DataError(f"no images in the class folders of {folder}: {error.strerror}; name another folder") from error
    if not classes:
        raise DataError(f"no images in the class folders of {folder}: put those of each class into a folder of its own")
    for path, files in found.items():
        if not files:
            raise DataError(f"no images in the class folder {path}; fill it or remove it")
        if inner := [file for file in files if not file.is_file()]:
            raise DataError(f"{inner[0]} is no image; put the images of a class straight into its folder")
    return [file for files in found.values() for file in files], [path.name for path in classes]


def list_folder(folder: Path) -> list[Path]:
    """What lies in a folder, by name; hidden files and folders are passed over."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
