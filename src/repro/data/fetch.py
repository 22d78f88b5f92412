"""Downloads data sets: resumable, checked against the published MD5, and nothing else in their folders is touched.

CIFAR-10 and CIFAR-100 come from their publisher. AG News comes from where torchtext 0.18 takes it, with the checksums
that torchtext states: its authors keep it on a file-sharing service from which nothing can be fetched unattended.
"""

import contextlib
import http.client
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from repro import paths
from repro.data import cifar, text
from repro.data.content import file_md5
from repro.data.files import DataError

CIFAR_URL = "https://www.cs.toronto.edu/~kriz"
# Archives and their MD5s, printed beside the links on the publisher's page.
CIFAR10_ARCHIVE = ("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530")
CIFAR100_ARCHIVE = ("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8")
AG_NEWS_URL = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv"
AG_NEWS_MD5 = dict(zip((text.TRAIN_FILE, text.TEST_FILE), text.CHECKSUMS["published"], strict=True))
CHUNK = 1 << 20  # bytes


class FetchError(RuntimeError):
    """A download that did not arrive; what did arrive is kept and the next try goes on from there."""


def fetch_cifar10(folder: Path, url: str = CIFAR_URL, archive: tuple[str, str] = CIFAR10_ARCHIVE) -> Path:
    """Put CIFAR-10 under `folder` unless it is there and whole; returns its folder. Raises FetchError."""
    return fetch_cifar(cifar.CIFAR10, folder, url, archive)


def fetch_cifar100(folder: Path, url: str = CIFAR_URL, archive: tuple[str, str] = CIFAR100_ARCHIVE) -> Path:
    """Put CIFAR-100 under `folder` unless it is there and whole; returns its folder. Raises FetchError."""
    return fetch_cifar(cifar.CIFAR100, folder, url, archive)


def fetch_cifar(layout: cifar.Layout, folder: Path, url: str, archive: tuple[str, str]) -> Path:
    """Put one of the two under `folder` unless it is there and whole; returns its folder. Raises FetchError."""
    target = folder / layout.folder
    with contextlib.suppress(DataError):
        if cifar.read_dataset(layout, target).origin == "published":
            return target
    name, md5 = archive
    paths.make_folder(target)
    own, theirs = folder / f".{name}", folder / name  # the user's own copy stays; ours may be of an earlier try
    if not (known := [file for file in (theirs, own) if file.is_file() and file_md5(file) == md5]):
        download_checked(f"{url}/{name}", own, md5)
    unpack((known or [own])[0], target, {*layout.train, *layout.test})
    cifar.read_dataset(layout, target)
    own.unlink(missing_ok=True)
    return target


def fetch_ag_news(folder: Path, url: str = AG_NEWS_URL, md5s: dict[str, str] = AG_NEWS_MD5) -> Path:
    """Put AG News under `folder`, each file unless it is there and whole; returns its folder. Raises FetchError.

    A file of that name with another content, such as a part of the data, is left alone and is an error.
    """
    target = paths.make_folder(folder / text.FOLDER)
    for name, md5 in md5s.items():
        if not (target / name).exists():
            download_checked(f"{url}/{name}", target / name, md5)
        elif file_md5(target / name) != md5:
            raise FetchError(f"{target / name} is not the published file; move it away and run the command again")
    return target


FETCHERS: dict[str, Callable[[Path], Path]] = {
    "cifar10": fetch_cifar10,
    "cifar100": fetch_cifar100,
    "ag_news": fetch_ag_news,
}


def download_checked(url: str, file: Path, md5: str) -> None:
    """Fetch a file; one with another MD5 is deleted. Raises FetchError."""
    part = file.with_name(file.name + ".part")
    download(url, part)
    found = file_md5(part)
    if found != md5:
        part.unlink()
        raise FetchError(f"{url} has MD5 {found} where {md5} was published; it was deleted, run the command again")
    part.replace(file)


def download(url: str, part: Path) -> None:
    """Fetch a file, going on where an earlier try stopped. Raises FetchError."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            start = have if answer.status == 206 else 0
            left = int(answer.headers.get("Content-Length", 0))
            with (
                part.open("ab" if start else "wb") as out,
                tqdm(
                    total=start + left,
                    initial=start,
                    unit="B",
                    unit_scale=True,
                    desc=part.stem,
                    disable=not sys.stderr.isatty(),
                ) as bar,
            ):
                while chunk := answer.read(CHUNK):
                    out.write(chunk)
                    bar.update(len(chunk))
    except urllib.error.HTTPError as error:
        if error.code != 416:  # the part is already the whole file
            raise FetchError(f"{url}: {error}") from error
    except (OSError, http.client.HTTPException) as error:
        raise FetchError(f"{url}: {error}. Run the command again, it goes on from where it stopped") from error
    else:
        if part.stat().st_size < start + left:
            raise FetchError(f"{url}: the connection ended early. Run the command again, it goes on from there")


def unpack(archive: Path, target: Path, names: set[str]) -> None:
    """Put the files of these names into `target`, each whole or not at all; what else lies there stays.

    A file of such a name with another content is set aside, not lost. Raises FetchError.
    """
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                file = target / Path(member.name).name
                stream = tar.extractfile(member) if file.name in names else None
                if stream:
                    part = file.with_name(file.name + ".part")
                    with part.open("wb") as out:
                        shutil.copyfileobj(stream, out)
                    set_aside(file, part)
                    part.replace(file)
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        mend = "Free some space, or point REPRO_DATA at another folder, and run the command again"
        raise FetchError(f"{archive} cannot be unpacked: {error}. {mend}") from error


def set_aside(file: Path, new: Path) -> None:
    """Rename a file whose content differs from that of `new`, which is to take its place, and say so."""
    if not file.is_file() or file_md5(file) == file_md5(new):
        return
    number = 1
    while (aside := file.with_name(f"{file.name}.replaced-{number}")).exists():
        number += 1
    file.rename(aside)
    print(f"repro: {file} was not as published; it is now {aside.name}, and may be deleted", file=sys.stderr)
