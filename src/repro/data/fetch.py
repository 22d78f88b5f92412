"""Downloads data sets: resumable, checked against the published MD5, there whole or not at all.

CIFAR-10 comes from its publisher. AG News comes from where torchtext 0.18 takes it, with the checksums that torchtext
states: its authors keep it on a file-sharing service from which nothing can be fetched unattended.
"""

import hashlib
import os
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from repro.data import cifar, text

CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CIFAR10_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"  # printed beside the link on the publisher's page
AG_NEWS_URL = "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv"
AG_NEWS_MD5 = {text.TRAIN_FILE: "b1a00f826fdfbd249f79597b59e1dc12", text.TEST_FILE: "d52ea96a97a2d943681189a97654912d"}
CHUNK = 1 << 20  # bytes


class FetchError(RuntimeError):
    """A download that did not arrive; what did arrive is kept and the next try goes on from there."""


def fetch_cifar10(folder: Path, url: str = CIFAR10_URL, md5: str = CIFAR10_MD5) -> Path:
    """Put CIFAR-10 under `folder` unless it is there and whole; returns its folder. Raises FetchError."""
    target = folder / cifar.FOLDER
    try:
        cifar.load(target)
        return target
    except cifar.DataError:
        pass
    folder.mkdir(parents=True, exist_ok=True)
    archive = folder / Path(url).name
    download_checked(url, archive, md5)
    unpack(archive, target)
    cifar.load(target)
    archive.unlink()
    return target


def fetch_ag_news(folder: Path, url: str = AG_NEWS_URL, md5s: dict[str, str] = AG_NEWS_MD5) -> Path:
    """Put AG News under `folder`, each file unless it is there and whole; returns its folder. Raises FetchError.

    A file of that name with another content, such as a part of the data, is left alone and is an error.
    """
    target = folder / text.FOLDER
    target.mkdir(parents=True, exist_ok=True)
    for name, md5 in md5s.items():
        if not (target / name).exists():
            download_checked(f"{url}/{name}", target / name, md5)
        elif file_md5(target / name) != md5:
            raise FetchError(f"{target / name} is not the published file; move it away and run the command again")
    return target


def download_checked(url: str, file: Path, md5: str) -> None:
    """Fetch a file; one with another MD5 is deleted. Raises FetchError."""
    download(url, file)
    found = file_md5(file)
    if found != md5:
        file.unlink()
        raise FetchError(f"{url} has MD5 {found} where {md5} was published; it was deleted, run the command again")


def download(url: str, file: Path) -> None:
    """Fetch a file, going on where an earlier try stopped. Raises FetchError."""
    part = file.with_name(file.name + ".part")
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            resumed = answer.status == 206
            left = int(answer.headers.get("Content-Length", 0))
            start = have if resumed else 0
            with (
                part.open("ab" if resumed else "wb") as out,
                tqdm(
                    total=start + left,
                    initial=start,
                    unit="B",
                    unit_scale=True,
                    desc=file.name,
                    disable=not sys.stderr.isatty(),
                ) as bar,
            ):
                while chunk := answer.read(CHUNK):
                    out.write(chunk)
                    bar.update(len(chunk))
    except urllib.error.HTTPError as error:
        if error.code != 416:  # the part is already the whole file
            raise FetchError(f"{url}: {error}") from error
    except (OSError, urllib.error.URLError) as error:
        raise FetchError(f"{url}: {error}. Run the command again, it goes on from where it stopped") from error
    else:
        if part.stat().st_size < start + left:
            raise FetchError(f"{url}: the connection ended early. Run the command again, it goes on from there")
    part.replace(file)


def unpack(archive: Path, target: Path) -> None:
    """Unpack the archive's `.bin` files into `target`, which appears only when all are there."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    beside.mkdir()
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = Path(member.name).name
                stream = tar.extractfile(member) if name in (*cifar.TRAIN_FILES, cifar.TEST_FILE) else None
                if stream:
                    with (beside / name).open("wb") as out:
                        shutil.copyfileobj(stream, out)
        if target.exists():
            shutil.rmtree(target)
        beside.replace(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def file_md5(file: Path) -> str:
    """MD5 of a file, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "md5").hexdigest()
