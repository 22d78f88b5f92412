"""Files that a user brings: a bad one is named with its line and what mends it."""

import io
import pickle
import zipfile

import numpy as np
import pytest

from repro.data import files
from repro.data.files import DataError, list_images, read_features, read_names, read_per_class


def write(folder, content, name="acc.csv"):
    file = folder / name
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def test_a_table_gives_classes_models_and_accuracies(tmp_path):
    file = write(tmp_path, '\ufeffclass, weak ,strong\r\n\r\n cat,0.5, .9\r\n"dog, wild",1,0\r\n,,\r\n')
    classes, models, accuracies = read_per_class(file)
    assert (classes, models) == (["cat", "dog, wild"], ["weak", "strong"])
    assert accuracies.tolist() == [[0.5, 1.0], [0.9, 0.0]]


TABLES = {
    "empty": ("", "acc.csv holds no table; write a header `class,model,...`"),
    "blank": ("\n\n", "acc.csv holds no table; write a header"),
    "header alone": ("class,a,b\n", "acc.csv holds no table; write a header"),
    "no model": ("class\ncat\n", "line 1: each column of the header needs a name; write a header"),
    "semicolons": ("class;a\ncat;.5\n", "line 1: each column of the header needs a name; write a header"),
    "nameless model": ("class,a,\ncat,.5,.6\n", "line 1: each column of the header needs a name"),
    "no header": ("cat,.5,.6\ndog,.5,.6\n", "line 1: '.5' cannot be a model's name, so the header is missing; write a"),
    "doubled model": ("class,a,a\ncat,.5,.6\n", "line 1: model 'a' is there twice; rename one"),
    "header again": ("class,a,b\ncat,.5,.6\nclass,a,b\n", "line 3: 'a' is no accuracy; write a number in [0, 1]"),
    "too few columns": ("class,a,b\n\ncat,.5\n", "line 3: 2 columns where the header has 3"),
    "too many columns": ("class,a\ncat,.5,.6\n", "line 2: 3 columns where the header has 2"),
    "no number": ("class,a,b\ncat,.5,high\n", "line 2: 'high' is no accuracy; write a number in [0, 1]"),
    "no cell": ("class,a,b\ncat,.5,\n", "line 2: '' is no accuracy"),
    "not a number": ("class,a,b\ncat,.5,nan\n", "line 2: 'nan' is no accuracy"),
    "infinite": ("class,a,b\ncat,.5,-inf\n", "line 2: '-inf' is no accuracy"),
    "per cent": ("class,a,b\ncat,.5,87\n", "line 2: '87' is no accuracy; write a number in [0, 1], such as 0.87"),
    "negative": ("class,a,b\ncat,.5,-0.1\n", "line 2: '-0.1' is no accuracy"),
    "of Python": ("class,a,b\ncat,.5,0.1_0\n", "line 2: '0.1_0' is no accuracy"),
    "doubled class": (
        "class,a,b\ncat,.5,.4\ncow,.5,.4\ncat,.5,.4\n",
        "line 4: class 'cat' is there twice, first in line 2",
    ),
    "nameless class": ("class,a,b\n ,.5,.4\n", "line 2: the class has no name; write it in the first column"),
    "beyond csv's limit": ("class,a\n" + 131_073 * "x" + ",.5\n", "line 2: field larger than field limit"),
    "open quote": ('class,a\n"cat,.5\n', "line 2: unexpected end of data; write a header"),
    "Latin-1": ("class,a\ncat,.5\nchaton mignon é,.6\n".encode("latin-1"), "line 3: no UTF-8; save the file as text"),
    "UTF-16": ("class,a\ncat,.5\n".encode("utf-16"), "line 1: no UTF-8; save the file as text in UTF-8"),
    "UTF-16 without mark": (
        "class,a\ncat,.5\n".encode("utf-16-le"),
        "line 1: a zero byte, as in no text; save the file",
    ),
    "binary": (bytes(range(256)), "line 2: no UTF-8; save the file as text in UTF-8"),
}


@pytest.mark.parametrize(("content", "said"), TABLES.values(), ids=TABLES)
def test_a_bad_table_is_refused_with_its_line_and_the_mend(content, said, tmp_path, refusal):
    file = write(tmp_path, content)
    assert f"{file}"[:-8] in (refused := refusal("tickets", "classes", "--policy", "erc", "--per-class", file))
    assert said in refused


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "names no class; write one a line"),
        (" \n\n", "names no class; write one a line"),
        ("cat\n\ndog\r\ncat \n", "line 4: class 'cat' is there twice, first in line 1"),
        (b"cat\n\xff\n", "line 2: no UTF-8; save the file as text in UTF-8"),
    ],
)
def test_a_bad_list_of_names_is_refused_with_its_line(content, said, tmp_path, refusal):
    assert said in refusal("tickets", "classes", "--policy", "rs", "--names", write(tmp_path, content))


def test_names_are_read_from_any_system(tmp_path):
    assert read_names(write(tmp_path, "\ufeffa b\r\n\r\nc\rd\n e\u2028f")) == ["a b", "c", "d", "e\u2028f"]


def saved(array, **others):
    content = io.BytesIO()
    np.savez(content, array, **others) if others else np.save(content, array, allow_pickle=True)
    return content.getvalue()


GOOD = saved(np.ones((4, 3)))
ARRAYS = {
    "text": (b"1,2\n", "is damaged: neither .npy nor .npz"),
    "empty": (b"", "is damaged: neither .npy nor .npz"),
    "pickle": (pickle.dumps(np.ones((2, 2))), "is damaged: neither .npy nor .npz"),
    "cut": (GOOD[:-5], "is damaged: Failed to read all data"),
    "cut header": (GOOD[:40], "is damaged: EOF"),
    "another header": (GOOD.replace(b"False", b"F((se"), "is damaged: "),
    "objects": (saved(np.array([{}, None])), "is damaged: Object arrays cannot be loaded"),
    "several": (saved(np.ones((2, 2)), other=np.ones(2)), "holds arrays by name (other, arr_0), which is .npz"),
    "cut npz": (saved(np.ones((2, 2)), other=np.ones(2))[:-30], "is damaged: "),
    "one dimension": (
        saved(np.ones(4)),
        "holds float64 of the shape (4,) where numbers of the shape (classes, dim) belong",
    ),
    "three dimensions": (saved(np.ones((4, 3, 2))), "of the shape (4, 3, 2)"),
    "no class": (saved(np.ones((0, 3))), "of the shape (0, 3)"),
    "texts": (saved(np.array([["a"]])), "holds <U1 of the shape"),
    "complex": (saved(np.ones((2, 2)) * 1j), "holds complex128"),
    "NaN": (saved(np.array([[1.0, 2.0], [3.0, np.nan]])), "the feature of class 1 is zero or no number"),
    "infinite": (saved(np.array([[-np.inf, 2.0]])), "the feature of class 0 is zero or no number"),
    "zeros": (saved(np.array([[0, 0], [1, 2]])), "the feature of class 0 is zero or no number"),
}


@pytest.mark.parametrize(("content", "said"), ARRAYS.values(), ids=ARRAYS)
def test_a_bad_array_is_refused_with_the_mend(content, said, tmp_path, refusal):
    refused = refusal("tickets", "classes", "--policy", "sec", "--features", write(tmp_path, content, "means.npy"))
    assert said in refused
    assert refused.endswith("make it with `repro tickets features`, or write it with numpy.save")


class Trap:
    """Runs code when it is unpickled."""

    def __reduce__(self):
        return (exec, ("raise SystemExit('unpickled')",))


@pytest.mark.parametrize("several", [{}, {"other": np.ones(2)}])
def test_nothing_is_unpickled(several, tmp_path):
    file = write(tmp_path, saved(np.array([[Trap()]], object), **several), "means.npy")
    with pytest.raises(DataError, match="Object arrays cannot be loaded"):
        read_features(file)


def test_damage_of_any_kind_is_a_data_error(tmp_path):
    """Bytes of an archive changed at random: it is read, or refused, and nothing else."""
    rng = np.random.default_rng(0)
    refused = 0
    for content in (GOOD, saved(np.ones((4, 3)), names=np.array(["a", "b"]))):
        for _ in range(300):
            damaged = np.frombuffer(content, np.uint8).copy()
            damaged[rng.integers(len(damaged), size=3)] = rng.integers(256, size=3)
            try:
                files.read_arrays(write(tmp_path, damaged.tobytes()[: rng.integers(1, 2 * len(damaged))]), "mend it")
            except DataError:
                refused += 1
    assert refused > 200


def test_an_archive_whose_members_cannot_be_read_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "means.npy", "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00\x10\x00")
    with pytest.raises(DataError, match="is damaged"):
        read_features(tmp_path / "means.npy")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ([], "no images in the class folders of .*: put those of each class into a folder of its own"),
        (["a.png"], "no images in the class folders of .*: put those of each class"),
        (["cat/", "dog/1.png"], r"no images in the class folder .*cat; fill it or remove it"),
        (["cat/.hidden"], r"no images in the class folder .*cat; fill it"),
        (["cat/1.png", "cat/more/2.png"], r"more is no image; put the images of a class straight into its folder"),
    ],
)
def test_a_folder_without_the_images_of_each_class_is_refused(made, said, tmp_path):
    for name in made:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).mkdir() if name.endswith("/") else (tmp_path / name).touch()
    with pytest.raises(DataError, match=said):
        list_images(tmp_path)


@pytest.mark.parametrize("name", ["lost", "file"])
def test_what_is_no_folder_is_refused(name, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=f"no images in the class folders of .*{name}: No.* directory.*; name another"):
        list_images(tmp_path / name)


def test_images_are_listed_class_by_class_without_hidden_ones(tmp_path):
    for name in ("dog/1.png", "cat/2.png", "cat/1.png", "cat/.DS_Store", ".cache/x"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    images, classes = list_images(tmp_path)
    assert [str(file.relative_to(tmp_path)) for file in images] == ["cat/1.png", "cat/2.png", "dog/1.png"]
    assert classes == ["cat", "dog"]
