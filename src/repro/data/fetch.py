"""Downloads CIFAR-10 from its publisher: resumable, checked against the published MD5, unpacked whole or not at all."""

import hashlib
import os
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from repro.data import cifar

CIFAR10_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
CIFAR10_MD5 = "c32a1d4ab5d03f1284b67883e8d87530"  # printed beside the link on the publisher's page
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
    download(url, archive)
    found = file_md5(archive)
    if found != md5:
        archive.unlink()
        raise FetchError(f"{url} has MD5 {found} where {md5} was published; it was deleted, run the command again")
    unpack(archive, target)
    cifar.load(target)
    archive.unlink()
    return target


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
