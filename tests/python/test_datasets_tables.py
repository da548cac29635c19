"""The data sets of one file: tables, a text, a series. Their formats from the real files, where they are at hand."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from dataset_server import Server
from ranvier.datasets import _fetch, abalone, daily_temperatures, sonar, tiny_shakespeare
from ranvier.datasets._fetch import File

SMALL = {
    sonar: (b"0.5,0.25,R\n0.125,1.0,M", "sonar"),
    abalone: (b"M,0.5,0.25,0.1,0.5,0.2,0.1,0.15,15\nI,0.5,0.25,0.1,0.5,0.2,0.1,0.15,7", "abalone"),
    tiny_shakespeare: (b"First Citizen:\nSpeak.\n", "text"),
    daily_temperatures: (b'"Date","Temp"\r\n"1981-01-01",20.7\r\n"1981-01-02",-0.5', "series"),
}


@pytest.fixture(params=list(SMALL), ids=lambda module: module.__name__.rpartition(".")[2])
def dataset(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """One of the data sets with a small file of its format instead of the real one; an empty cache, no proxy."""
    module = request.param
    content, _ = SMALL[module]
    monkeypatch.delenv(_fetch.ENVIRONMENT, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    file = File(module.FILES[0].name, hashlib.sha256(content).hexdigest(), len(content))
    monkeypatch.setattr(module, "FILES", (file,))
    monkeypatch.setattr(module, "MIRRORS", ("http://127.0.0.1:9/nobody/",))
    return module


def check(dataset: ModuleType) -> None:
    data = dataset.load_data()
    if dataset is sonar:
        np.testing.assert_array_equal(data[0], np.array([[0.5, 0.25], [0.125, 1]], "float32"))
        np.testing.assert_array_equal(data[1], [0, 1])
        assert (data[0].dtype, data[1].dtype) == (np.float32, np.uint8)
    elif dataset is abalone:
        (sex, x), y = data
        assert sex.tolist() == ["M", "I"] and x.shape == (2, len(abalone.FEATURES)) and y.tolist() == [15, 7]
        np.testing.assert_array_equal(x[1], np.array([0.5, 0.25, 0.1, 0.5, 0.2, 0.1, 0.15], "float32"))
    elif dataset is tiny_shakespeare:
        assert data == "First Citizen:\nSpeak.\n"
    else:
        assert data[0].tolist() == np.array(["1981-01-01", "1981-01-02"], "M8[D]").tolist()
        np.testing.assert_array_equal(data[1], np.array([20.7, -0.5], "float32"))


@pytest.mark.parametrize("below", [True, False], ids=["own folder", "folder of all"])
def test_files_of_the_user(dataset: ModuleType, below: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content, folder = SMALL[dataset]
    path = tmp_path / (folder if below else "") / dataset.FILES[0].name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    monkeypatch.setenv(_fetch.ENVIRONMENT, str(tmp_path))
    check(dataset)
    path.write_bytes(content[:-1] + b"9")
    name = dataset.__name__.rpartition(".")[2]
    with pytest.raises(ValueError, match=rf"^\[({name}|{folder})\] .*{path.name}: expected .* Replace the file"):
        dataset.load_data()


def test_a_download_lands_in_the_cache(
    dataset: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    content, folder = SMALL[dataset]
    name = dataset.FILES[0].name
    with pytest.raises(ConnectionError, match=rf"expected {name} in .*{folder}.*RANVIER_DATASETS"):
        dataset.load_data()
    server = Server({name: content, "other.txt": content})
    try:
        # A mirror that calls the file otherwise is given by its whole address.
        for mirror in (f"{server.address}/good/", f"{server.address}/good/other.txt"):
            monkeypatch.setattr(dataset, "MIRRORS", (mirror,))
            check(dataset)
            (tmp_path / "cache" / "ranvier" / folder / name).unlink()
    finally:
        server.close()
    assert server.requests == [f"/good/{name}", "/good/other.txt"]
    assert "Downloading" in capsys.readouterr().out


def there(name: str, module: ModuleType) -> pytest.MarkDecorator:
    missing = _fetch.find(name, module.FILES[0]) is None
    return pytest.mark.skipif(missing, reason=f"{module.FILES[0].name} is neither in RANVIER_DATASETS nor in the cache")


@there("sonar", sonar)
def test_the_real_sonar() -> None:
    x, y = sonar.load_data()
    assert x.shape == (208, 60) and y.shape == (208,) and x.min() == 0 and x.max() == 1
    assert int(y.sum()) == 111 and not y[:97].any()


@there("abalone", abalone)
def test_the_real_abalone() -> None:
    (sex, x), y = abalone.load_data()
    assert x.shape == (4177, 7) and x.flags.c_contiguous and (y.min(), y.max()) == (1, 29)
    assert {s: int((sex == s).sum()) for s in "FIM"} == {"F": 1307, "I": 1342, "M": 1528}


@there("text", tiny_shakespeare)
def test_the_real_shakespeare() -> None:
    text = tiny_shakespeare.load_data()
    assert len(text) == 1_115_394 and len(set(text)) == 65
    assert text.startswith("First Citizen:\nBefore we proceed any further") and text.endswith("waking.\n")


@there("series", daily_temperatures)
def test_the_real_temperatures() -> None:
    days, degrees = daily_temperatures.load_data()
    assert len(days) == len(degrees) == 3650 and (np.diff(days) > np.timedelta64(0, "D")).all()
    assert (str(days[0]), str(days[-1])) == ("1981-01-01", "1990-12-31")
    assert (degrees.min(), round(float(degrees.mean()), 2)) == (0, 11.18)
