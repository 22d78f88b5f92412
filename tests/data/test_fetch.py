import functools
import hashlib
import http.server
import io
import tarfile
import threading
from dataclasses import replace

import numpy as np
import pytest

from repro.config import Texts
from repro.data import cifar, fetch, text
from repro.data.content import ALLOW, unordered_checksum


class RangeHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files with byte ranges; notes the ranges asked for, and can hang up early."""

    asked: list = []  # noqa: RUF012
    hang_up_after = None

    def do_GET(self):
        content = (self.directory_path / self.path.lstrip("/")).read_bytes()
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.asked.append(start)
        self.send_response(206 if "Range" in self.headers else 200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        body = content[start:]
        limit = type(self).hang_up_after
        self.wfile.write(body if limit is None else body[:limit])
        self.close_connection = True

    def log_message(self, *words):
        pass


@pytest.fixture(autouse=True)
def black_images_are_published(monkeypatch):
    """Black images of the first class are what the publisher of these tests gives out."""
    for name in ("CIFAR10", "CIFAR100"):
        layout = getattr(cifar, name)
        size = layout.label_bytes + cifar.PIXEL_BYTES
        checksums = tuple(unordered_checksum(np.zeros((images, size), np.uint8)) for images in (50_000, 10_000))
        monkeypatch.setattr(cifar, name, replace(layout, published=checksums))


def make_archive(layout, archive):
    """An archive in the official layout, with black images and a text beside them."""
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for name, images in (layout.train | layout.test | {"readme.html": 1}).items():
            records = np.zeros((images, layout.label_bytes + cifar.PIXEL_BYTES), np.uint8)
            info = tarfile.TarInfo(f"{layout.folder}/{name}")
            info.size = records.nbytes
            tar.addfile(info, io.BytesIO(records.tobytes()))
    return archive


@pytest.fixture
def publisher(tmp_path):
    """A publisher on this machine with an archive of CIFAR-10; yields its address and the archive."""
    (tmp_path / "publisher").mkdir()
    archive = make_archive(cifar.CIFAR10, tmp_path / "publisher" / "cifar-10-binary.tar.gz")
    RangeHandler.asked, RangeHandler.hang_up_after = [], None
    RangeHandler.directory_path = archive.parent
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(RangeHandler))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", archive
    server.shutdown()


def md5(file):
    return hashlib.md5(file.read_bytes()).hexdigest()


def fetch_from(publisher, folder, wrong=""):
    url, archive = publisher
    return fetch.fetch_cifar10(folder, url, (archive.name, wrong or md5(archive)))


def test_fetch_resumes_checks_and_unpacks(publisher, tmp_path):
    RangeHandler.hang_up_after = 1000
    with pytest.raises(fetch.FetchError, match="goes on from"):
        fetch_from(publisher, tmp_path / "data")
    RangeHandler.hang_up_after = None
    folder = fetch_from(publisher, tmp_path / "data")
    assert RangeHandler.asked == [0, 1000]
    assert len(cifar.load(folder).train) == 50_000
    assert [p.name for p in (tmp_path / "data").iterdir()] == [cifar.CIFAR10.folder]
    assert {p.name for p in folder.iterdir()} == {*cifar.CIFAR10.train, *cifar.CIFAR10.test}
    fetch_from(publisher, tmp_path / "data")
    assert RangeHandler.asked == [0, 1000], "a whole data set is not fetched again"


def test_cifar100_is_fetched_with_its_two_label_bytes(publisher, tmp_path):
    url, archive = publisher
    archive = make_archive(cifar.CIFAR100, archive.with_name("cifar-100-binary.tar.gz"))
    folder = fetch.fetch_cifar100(tmp_path / "data", url, (archive.name, md5(archive)))
    assert folder == tmp_path / "data" / "cifar-100-binary"
    assert len(cifar.load_cifar100(folder).train) == 50_000


def test_a_wrong_checksum_is_refused_and_nothing_unpacked(publisher, tmp_path):
    with pytest.raises(fetch.FetchError, match="MD5"):
        fetch_from(publisher, tmp_path / "data", wrong="0" * 32)
    assert [p for p in (tmp_path / "data").rglob("*") if p.is_file()] == []


def test_what_else_lies_in_the_folder_stays(publisher, tmp_path):
    target = tmp_path / "data" / cifar.CIFAR10.folder
    (target / "notes").mkdir(parents=True)
    (target / "notes" / "mine.txt").write_text("mine")
    (target / "readme.html").write_text("mine too")
    fetch_from(publisher, tmp_path / "data")
    assert (target / "notes" / "mine.txt").read_text() == "mine"
    assert (target / "readme.html").read_text() == "mine too"
    assert len(cifar.load(target).test) == 10_000


def test_a_damaged_file_is_replaced_and_kept_under_another_name(publisher, tmp_path, capsys):
    target = tmp_path / "data" / cifar.CIFAR10.folder
    target.mkdir(parents=True)
    (target / "test_batch.bin").write_bytes(b"short")
    assert len(cifar.load(fetch_from(publisher, tmp_path / "data")).test) == 10_000
    assert (target / "test_batch.bin.replaced-1").read_bytes() == b"short"
    assert "test_batch.bin was not as published; it is now test_batch.bin.replaced-1" in capsys.readouterr().err


def test_other_images_that_were_allowed_are_replaced_and_not_lost(publisher, tmp_path, monkeypatch):
    monkeypatch.setenv(ALLOW, "1")
    target = fetch_from(publisher, tmp_path / "data")
    own = np.ones((10_000, 3073), np.uint8)
    own.tofile(target / "data_batch_2.bin")
    assert cifar.load(fetch_from(publisher, tmp_path / "data")).origin == "published"
    assert np.fromfile(target / "data_batch_2.bin.replaced-1", np.uint8).sum() == own.sum()


def test_an_unpacking_that_was_cut_off_goes_on_from_the_archive(publisher, tmp_path, monkeypatch):
    def fail(stream, out):
        out.write(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(fetch.shutil, "copyfileobj", fail)
        with pytest.raises(
            fetch.FetchError, match=r"cannot be unpacked: .*No space left.* Free some space, or point REPRO_DATA"
        ):
            fetch_from(publisher, tmp_path / "data")
    folder = fetch_from(publisher, tmp_path / "data")
    assert RangeHandler.asked == [0], "the archive is not fetched again"
    assert {p.name for p in folder.iterdir()} == {*cifar.CIFAR10.train, *cifar.CIFAR10.test}


def test_an_archive_that_the_user_put_there_is_taken_and_stays(publisher, tmp_path):
    own = tmp_path / "data" / publisher[1].name
    own.parent.mkdir()
    own.write_bytes(publisher[1].read_bytes())
    fetch_from(publisher, tmp_path / "data")
    assert RangeHandler.asked == []
    assert own.exists()
    own.write_text("mine")
    (tmp_path / "data" / cifar.CIFAR10.folder / "test_batch.bin").unlink()
    fetch_from(publisher, tmp_path / "data")
    assert RangeHandler.asked == [0]
    assert own.read_text() == "mine"


def test_a_damaged_archive_is_named(tmp_path):
    archive = tmp_path / "cifar-10-binary.tar.gz"
    for content in (b"text", b"\x1f\x8b damaged"):
        archive.write_bytes(content)
        with pytest.raises(fetch.FetchError, match=r"cifar-10-binary\.tar\.gz cannot be unpacked"):
            fetch.fetch_cifar10(tmp_path, "http://127.0.0.1:9", (archive.name, md5(archive)))


@pytest.fixture
def news(publisher):
    """AG News beside the archive; yields its address and the checksums."""
    url, archive = publisher
    for name in (text.TRAIN_FILE, text.TEST_FILE):
        (archive.parent / name).write_text(f'"1","{name}","a text"\n')
    md5s = {name: md5(archive.parent / name) for name in (text.TRAIN_FILE, text.TEST_FILE)}
    return url, md5s


def test_ag_news_is_fetched_once_and_can_be_read(news, tmp_path, monkeypatch):
    monkeypatch.setattr(text, "CHECKSUMS", {"published": tuple(news[1].values())})
    folder = fetch.fetch_ag_news(tmp_path / "data", *news)
    (train, labels), _ = text.read_news(Texts("ag-news"), folder)
    assert (train, labels.tolist()) == (["train.csv a text"], [0])
    asked = len(RangeHandler.asked)
    fetch.fetch_ag_news(tmp_path / "data", *news)
    assert len(RangeHandler.asked) == asked == 2


def test_a_part_of_ag_news_is_neither_taken_for_the_whole_nor_overwritten(news, tmp_path):
    own = tmp_path / "data" / text.FOLDER / text.TRAIN_FILE
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    with pytest.raises(fetch.FetchError, match=r"train\.csv is not the published file; move it away"):
        fetch.fetch_ag_news(tmp_path / "data", *news)
    assert own.read_text() == "mine"


def test_ag_news_with_a_wrong_checksum_is_deleted(news, tmp_path):
    with pytest.raises(fetch.FetchError, match="was published; it was deleted"):
        fetch.fetch_ag_news(tmp_path / "data", news[0], {text.TEST_FILE: "0" * 32})
    assert list((tmp_path / "data" / text.FOLDER).iterdir()) == []


def test_no_publisher_is_an_error_that_says_so(tmp_path):
    with pytest.raises(fetch.FetchError, match="Run the command again"):
        fetch.fetch_cifar10(tmp_path, "http://127.0.0.1:9")
