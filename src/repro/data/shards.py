"""Tar shards of images: where each image lies in which file, listed once by the headers and kept under REPRO_HOME.

An image's class is the folder it has in its shard, else the number in the text file of its name that ends in .cls, as
in WebDataset shards, else the name of its shard, as in the archives of ImageNet's publisher, one a class. Nothing is
ever unpacked: names in a shard are names and no paths.
"""

import contextlib
import functools
import hashlib
import io
import json
import os
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from timm.data.readers.img_extensions import get_img_extensions

from repro import paths
from repro.data.classes import class_ids
from repro.data.files import DAMAGE, DataError
from repro.disk import DiskError, reopening, write_bytes

CLASS = re.compile(r"[\w-]+")  # a class's name
MEND = "make the shards again, or unpack them into class folders"


class Member(NamedTuple):
    """An image in a shard."""

    name: str  # class and file
    start: int  # its first byte in the shard
    size: int  # bytes


@dataclass(frozen=True)
class Index:
    """Where every image of some shards lies."""

    folder: Path
    files: list[str]  # names of the shards
    members: np.ndarray  # (images,) class and file as UTF-8
    shard: np.ndarray  # (images,) which of the shards
    starts: np.ndarray  # (images,) its first byte there
    sizes: np.ndarray  # (images,) bytes

    def names(self) -> list[str]:
        """Class and file of every image."""
        return [name.decode() for name in self.members.tolist()]

    def file(self, place: int) -> Path:
        """The shard of an image."""
        return self.folder / self.files[self.shard[place]]

    def read(self, place: int) -> bytes:
        """The bytes of an image. Raises OSError."""
        start, size, file = int(self.starts[place]), int(self.sizes[place]), self.file(place)
        return reopening(file, lambda: _read(file, start, size))


def _read(file: Path, start: int, size: int) -> bytes:
    with file.open("rb", buffering=0) as stream:
        content = os.pread(stream.fileno(), size, start)
    if len(content) < size:
        raise OSError(f"the shard ends within it, {size - len(content):,} bytes early")
    return content


def read_index(folder: Path) -> Index:
    """The index of the shards in a folder, made where it is not kept or a shard has changed. Raises DataError."""
    files = sorted(folder.glob("*.tar"))
    state = json.dumps([str(folder), *((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)])
    return _index(folder, tuple(file.name for file in files), state)


@functools.lru_cache(maxsize=4)
def _index(folder: Path, files: tuple[str, ...], state: str) -> Index:
    kept = paths.home() / "shards" / f"{hashlib.sha256(state.encode()).hexdigest()[:12]}.npz"
    with contextlib.suppress(*DAMAGE, KeyError), np.load(kept, allow_pickle=False) as found:
        return Index(folder, list(files), *(found[name] for name in ("members", "shard", "starts", "sizes")))
    index = make_index(folder, list(files))
    content = io.BytesIO()
    np.savez(content, members=index.members, shard=index.shard, starts=index.starts, sizes=index.sizes)
    with contextlib.suppress(DiskError, OSError):  # a store that cannot be written to: it is made at every start
        write_bytes(kept, content.getvalue())
    return index


def make_index(folder: Path, files: list[str]) -> Index:
    """List shards. Raises DataError for a damaged one, an image without a class, and one that is there twice."""
    found = [(place, member) for place, name in enumerate(files) for member in list_shard(folder / name)]
    members = np.array([member.name.encode() for _, member in found], np.bytes_)
    if len(set(members.tolist())) < len(members):
        names, counts = np.unique(members, return_counts=True)
        raise DataError(f"{names[counts > 1][0].decode()} is in the shards of {folder} more than once; {MEND}")
    starts, sizes = (np.array([getattr(m, name) for _, m in found], np.int64) for name in ("start", "size"))
    return Index(folder, files, members, np.array([place for place, _ in found], np.int32), starts, sizes)


def list_shard(file: Path) -> list[Member]:
    """The images of a shard. Raises DataError."""
    types = get_img_extensions(as_set=True)
    try:
        with tarfile.open(file, "r:") as tar:
            inner = [member for member in tar if not member.isdir()]
            check_members(file, inner)
            texts = [member for member in inner if member.name.endswith(".cls")]
            numbers = {key_of(text): _read(file, text.offset_data, text.size) for text in texts}
    except (tarfile.TarError, OSError, ValueError) as error:
        raise DataError(f"{file} is damaged: {error}; {MEND}") from error
    images = [member for member in inner if Path(member.name).suffix.lower() in types]
    return list(name_images(file, images, numbers))


def check_members(file: Path, members: list[tarfile.TarInfo]) -> None:
    """Raise ValueError for a member that is no plain file, or reaches beyond the end of the shard."""
    size = file.stat().st_size
    for member in members:
        if not member.isreg() or member.issparse():
            raise ValueError(f"{member.name} in it is a link or something else than a plain file")
        if member.offset_data + member.size > size:
            raise ValueError(f"it ends within {member.name}")


def name_images(file: Path, images: list[tarfile.TarInfo], numbers: dict[str, bytes]) -> Iterator[Member]:
    """Images with their class. Raises DataError for one whose class is not said."""
    for image in images:
        path = Path(image.name)
        label = path.parent.name
        if number := numbers.get(key_of(image)):
            label = class_of(number)
        elif not label and file.stem in class_ids():
            label = file.stem
        if not CLASS.fullmatch(label):
            raise DataError(
                f"{file}: {image.name} has no class; put images into class folders within a shard, give each a file "
                "of its name that ends in .cls and holds the number of its class, or make a shard of each class"
            )
        yield Member(f"{label}/{path.name}", image.offset_data, image.size)


def key_of(member: tarfile.TarInfo) -> str:
    """What an image and the text of its class have in common: the name without its end."""
    return str(Path(member.name).with_suffix(""))


def class_of(number: bytes) -> str:
    """The class of a number from 0 to 999, as models count them; nothing where it is none."""
    text = number.decode(errors="replace").strip()
    return class_ids()[int(text)] if text.isascii() and text.isdigit() and int(text) < len(class_ids()) else ""
