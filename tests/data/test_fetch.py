import functools
import hashlib
import http.server
import io
import tarfile
import threading

import numpy as np
import pytest

from repro.config import Texts
from repro.data import cifar, fetch, text


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


@pytest.fixture
def publisher(tmp_path):
    """A publisher on this machine with an archive in the official layout; yields its address and the archive."""
    archive = tmp_path / "publisher" / "cifar-10-binary.tar.gz"
    archive.parent.mkdir()
    records = np.zeros((10_000, 3073), np.uint8)
    records[:, 0] = np.arange(10_000) % 10
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for name in (*cifar.TRAIN_FILES, cifar.TEST_FILE):
            info = tarfile.TarInfo(f"{cifar.FOLDER}/{name}")
            info.size = records.nbytes
            tar.addfile(info, io.BytesIO(records.tobytes()))
    RangeHandler.asked, RangeHandler.hang_up_after = [], None
    RangeHandler.directory_path = archive.parent
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(RangeHandler))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{archive.name}", archive
    server.shutdown()


def md5(file):
    return hashlib.md5(file.read_bytes()).hexdigest()


def test_fetch_resumes_checks_and_unpacks(publisher, tmp_path):
    url, archive = publisher
    RangeHandler.hang_up_after = 1000
    with pytest.raises(fetch.FetchError, match="goes on from"):
        fetch.fetch_cifar10(tmp_path / "data", url, md5(archive))
    RangeHandler.hang_up_after = None
    folder = fetch.fetch_cifar10(tmp_path / "data", url, md5(archive))
    assert RangeHandler.asked == [0, 1000]
    assert len(cifar.load(folder).train) == 50_000
    assert [p.name for p in (tmp_path / "data").iterdir()] == [cifar.FOLDER]
    fetch.fetch_cifar10(tmp_path / "data", url, md5(archive))
    assert RangeHandler.asked == [0, 1000], "a whole data set is not fetched again"


def test_a_wrong_checksum_is_refused_and_nothing_unpacked(publisher, tmp_path):
    with pytest.raises(fetch.FetchError, match="MD5"):
        fetch.fetch_cifar10(tmp_path / "data", publisher[0], "0" * 32)
    assert list((tmp_path / "data").iterdir()) == []


def test_a_damaged_data_set_is_replaced(publisher, tmp_path):
    url, archive = publisher
    broken = tmp_path / "data" / cifar.FOLDER
    broken.mkdir(parents=True)
    (broken / cifar.TEST_FILE).write_bytes(b"short")
    assert len(cifar.load(fetch.fetch_cifar10(tmp_path / "data", url, md5(archive))).test) == 10_000


@pytest.fixture
def news(publisher):
    """AG News beside the archive; yields its address and the checksums."""
    url, archive = publisher
    for name in (text.TRAIN_FILE, text.TEST_FILE):
        (archive.parent / name).write_text(f'"1","{name}","a text"\n')
    md5s = {name: md5(archive.parent / name) for name in (text.TRAIN_FILE, text.TEST_FILE)}
    return url.rsplit("/", 1)[0], md5s


def test_ag_news_is_fetched_once_and_can_be_read(news, tmp_path):
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
        fetch.fetch_cifar10(tmp_path, "http://127.0.0.1:9/x.tar.gz")
