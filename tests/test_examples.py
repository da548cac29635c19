"""The examples run as a user runs them, with and without matplotlib, and reach the figures they claim."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ranvier import datasets
from ranvier.datasets import _fetch

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
HAS_MATPLOTLIB = importlib.util.find_spec("matplotlib") is not None
MATPLOTLIB = pytest.param(
    True, id="matplotlib", marks=pytest.mark.skipif(not HAS_MATPLOTLIB, reason="matplotlib is not installed")
)
NO_MATPLOTLIB = pytest.param(False, id="no-matplotlib")
PNG = b"\x89PNG\r\n\x1a\n"


def run(folder: Path, name: str, *arguments: str, matplotlib: bool = False, **environment: str) -> str:
    """What an example prints when started in `folder`; any warning is an error."""
    env = {k: v for k, v in os.environ.items() if k != "MPLBACKEND"} | environment
    if not matplotlib:
        blocker = folder / "without"
        blocker.mkdir()
        # None in sys.modules is how Python itself says "not there": import raises ModuleNotFoundError.
        (blocker / "sitecustomize.py").write_text("import sys\nsys.modules['matplotlib'] = None\n")
        env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(blocker), env.get("PYTHONPATH", "")]))
    # matplotlib's own start may warn about fonts or folders of the machine; ours may not.
    flags = [] if matplotlib else ["-W", "error"]
    done = subprocess.run(
        [sys.executable, *flags, str(EXAMPLES / name), *arguments],
        cwd=folder,
        env=env | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=400,
    )
    assert done.returncode == 0, done.stderr
    if not matplotlib:
        assert done.stderr == ""
    return done.stdout


def pictures(folder: Path) -> list[str]:
    found = sorted(folder.glob("*.png"))
    for path in found:
        content = path.read_bytes()
        assert content.startswith(PNG)
        assert len(content) > 10_000, f"{path.name} is nearly empty"
    return [path.name for path in found]


@pytest.mark.parametrize("matplotlib", [MATPLOTLIB, NO_MATPLOTLIB])
def test_digits(tmp_path: Path, matplotlib: bool) -> None:
    start = time.perf_counter()
    output = run(tmp_path, "digits.py", matplotlib=matplotlib)
    seconds = time.perf_counter() - start
    assert "1437 images to learn from, 360 to be tested on" in output
    assert "Total params: " in output
    assert "Epoch 40/40 - " in output, "where output is no terminal, a line an epoch"
    accuracy = re.search(r"test accuracy (\d+\.\d+)% \((\d+) of 360 wrong\)", output)
    assert accuracy
    assert float(accuracy[1]) >= 97.0  # one seed; the claim is about the mean of five
    assert float(accuracy[1]) == pytest.approx(100 * (1 - int(accuracy[2]) / 360), abs=0.01)
    table = re.search(r"true ╲ read .*\n((?: +\d .*\n){10})", output)
    assert table
    numbers = [int(n) for line in table[1].splitlines() for n in line.replace("·", "0").split()[1:]]
    assert sum(numbers) == 360
    assert sum(numbers[::11]) == 360 - int(accuracy[2])
    assert "predictions identical" in output
    assert (tmp_path / "digits.rv").stat().st_size > 10_000
    assert pictures(tmp_path) == (["digits_curves.png", "digits_predictions.png"] if matplotlib else [])
    assert ("no pictures: pip install" in output) is not matplotlib
    assert seconds < 10


def test_digits_from_five_seeds(tmp_path: Path) -> None:
    output = run(tmp_path, "digits.py", "--seeds", "5")
    each = [float(a) for a in re.findall(r"seed \d: test accuracy (\d+\.\d+)%", output)]
    mean = re.search(r"mean of 5: (\d+\.\d+)%", output)
    assert len(each) == 5
    assert mean
    assert float(mean[1]) >= 97.5
    assert float(mean[1]) == pytest.approx(sum(each) / 5, abs=0.01)


def test_perceptron_and_xor(tmp_path: Path) -> None:
    output = run(tmp_path, "perceptron_and_xor.py")
    one, two, three = re.split(r"\n\n", output.strip())
    learnt = re.findall(r"(AND|OR|XOR) .* (no mistakes from epoch \d+ on|still wrong after 25 epochs)", one)
    assert [name for name, result in learnt if result.startswith("no mistakes")] == ["AND", "OR"]
    assert [name for name, result in learnt if result.startswith("still wrong")] == ["XOR"]
    assert [float(v) for v in re.findall(r"→ (\S+)", two)] == pytest.approx([0.5] * 4, abs=0.02)
    gap = re.search(r"same outputs, up to (\S+)$", two, re.MULTILINE)
    assert gap
    assert float(gap[1]) < 1e-5  # float32
    assert [float(v) for v in re.findall(r"→ (\S+)", three)] == pytest.approx([0, 1, 1, 0], abs=0.05)
    assert three.endswith("   solved")


@pytest.mark.parametrize("matplotlib", [MATPLOTLIB, NO_MATPLOTLIB])
def test_universal_approximation(tmp_path: Path, matplotlib: bool) -> None:
    output = run(tmp_path, "universal_approximation.py", matplotlib=matplotlib)
    rows = re.findall(r"^ +(\d+) +(\d+) +(\d\.\d+)", output, re.MULTILINE)
    assert [(int(width), int(weights)) for width, weights, _ in rows] == [(2**n, 3 * 2**n + 1) for n in range(7)]
    errors = [float(error) for _, _, error in rows]
    assert errors[0] > 0.4, "one unit cannot do it"
    assert errors[-1] < 0.03
    # Training is not exact: a wider network may end a little above a narrower one, never far above.
    assert all(b < a + 0.02 for a, b in zip(errors, errors[1:], strict=False))
    assert errors[4] < errors[2] / 3
    assert pictures(tmp_path) == (["universal_approximation.png"] if matplotlib else [])


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("mnist_mlp.py", "mnist/train-images-idx3-ubyte.gz"),
        ("mnist_convnet.py", "mnist/train-images-idx3-ubyte.gz"),
        ("conv_autoencoder.py", "mnist/train-images-idx3-ubyte.gz"),
        ("residual_cnn.py", "mnist/train-images-idx3-ubyte.gz"),
        ("fine_tuning.py", "mnist/train-images-idx3-ubyte.gz"),
        ("sonar_and_abalone.py", "sonar/sonar.csv"),
        ("char_lstm.py", "text/tinyshakespeare.txt"),
        ("char_gpt.py", "text/tinyshakespeare.txt"),
        ("forecast_temperatures.py", "series/daily-min-temperatures.csv"),
    ],
)
def test_without_the_data_examples_say_where_to_put_them(tmp_path: Path, name: str, file: str) -> None:
    closed = "http://127.0.0.1:9"  # a proxy nobody runs: no network, at once
    env = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), closed)
    env |= {"RANVIER_DATASETS": str(tmp_path / "data"), "XDG_CACHE_HOME": str(tmp_path / "cache"), "NO_PROXY": ""}
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        cwd=tmp_path,
        env={**os.environ, **env, "no_proxy": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str((tmp_path / "data" / file).parent) in done.stderr
    assert Path(file).name in done.stderr


needs_tables = pytest.mark.skipif(
    any(_fetch.find(name, getattr(datasets, name).FILES[0]) is None for name in ("sonar", "abalone")),
    reason="sonar.csv or abalone.csv is neither in RANVIER_DATASETS nor in the cache",
)


@needs_tables
@pytest.mark.parametrize("matplotlib", [MATPLOTLIB, NO_MATPLOTLIB])
def test_sonar_and_abalone(tmp_path: Path, matplotlib: bool) -> None:
    output = run(tmp_path, "sonar_and_abalone.py", "--quick", matplotlib=matplotlib)
    sonar, abalone, *_ = re.split(r"\n\n", output)
    accuracies = {name: float(value) for name, value in re.findall(r"^(\w[\w ]*?)  +(\S+)%", sonar, re.MULTILINE)}
    assert accuracies["always a mine"] == 53.4
    assert accuracies["ranvier"] > 82
    errors = {name: float(value) for name, value in re.findall(r"^(\w[\w ]*?)  +(\d\.\d+)", abalone, re.MULTILINE)}
    assert errors["ranvier"] < errors["least squares"] < errors["mean of all"]
    assert pictures(tmp_path) == (["sonar_and_abalone.png"] if matplotlib else [])


needs_text = pytest.mark.skipif(
    _fetch.find("text", datasets.tiny_shakespeare.FILES[0]) is None,
    reason="tinyshakespeare.txt is neither in RANVIER_DATASETS nor in the cache",
)


@needs_text
@pytest.mark.parametrize(
    ("name", "limit", "matplotlib"),
    [
        ("char_lstm.py", 2.95, False),
        ("char_gpt.py", 2.6, False),
        pytest.param("char_gpt.py", 2.6, True, marks=MATPLOTLIB.marks),
    ],
)
def test_characters_in_short(tmp_path: Path, name: str, limit: float, matplotlib: bool) -> None:
    arguments = ("--epochs", "2", "--characters", "150000", "--length", "200", "--prompt", "ROMEO:")
    output = run(tmp_path, name, *arguments, matplotlib=matplotlib)
    losses = [float(loss) for loss in re.findall(r"^epoch +\d: training \S+, validation (\S+) nats", output, re.M)]
    assert len(losses) == 2
    assert losses[1] < min(losses[0], limit), "a text of letters drawn by their frequency has 3.3"
    sample = re.search(r"-+ a sample -+\n(ROMEO:.{200})\n-+\n[\d,]+ characters per second", output, re.DOTALL)
    assert sample
    words = re.findall(r"[a-zA-Z]+", sample[1])
    assert 2 < sum(map(len, words)) / len(words) < 9
    assert pictures(tmp_path) == (["char_gpt.png"] if matplotlib and name == "char_gpt.py" else [])


@pytest.mark.skipif(
    _fetch.find("series", datasets.daily_temperatures.FILES[0]) is None,
    reason="daily-min-temperatures.csv is neither in RANVIER_DATASETS nor in the cache",
)
@pytest.mark.parametrize("matplotlib", [MATPLOTLIB, NO_MATPLOTLIB])
def test_forecast_temperatures(tmp_path: Path, matplotlib: bool) -> None:
    output = run(tmp_path, "forecast_temperatures.py", "--epochs", "15", matplotlib=matplotlib)
    rows = re.findall(r"^(as today|dense|GRU) +(\S+) °C +(\S+) °C", output, re.MULTILINE)
    assert [name for name, _, _ in rows] == ["as today", "dense", "GRU"]
    (mean, root), *networks = [(float(mean), float(root)) for _, mean, root in rows]
    assert (mean, root) == (2.025, 2.582)
    assert all(a < 0.93 * mean and b < 0.93 * root for a, b in networks)
    assert pictures(tmp_path) == (["forecast_temperatures.png"] if matplotlib else [])


needs_mnist = pytest.mark.skipif(
    not (Path(os.environ.get("RANVIER_DATASETS", "/nonexistent")) / "mnist").is_dir(),
    reason="set RANVIER_DATASETS to a folder with mnist/ to run it",
)


@needs_mnist
def test_mnist(tmp_path: Path) -> None:
    output = run(tmp_path, "mnist_mlp.py")
    accuracy = re.search(r"test accuracy (\d+\.\d+)%, loss \S+, after 10 epochs", output)
    assert accuracy
    assert float(accuracy[1]) >= 98.2


@needs_mnist
@pytest.mark.parametrize("matplotlib", [MATPLOTLIB, NO_MATPLOTLIB])
def test_mnist_convnet_in_short(tmp_path: Path, matplotlib: bool) -> None:
    output = run(tmp_path, "mnist_convnet.py", "--epochs", "1", "--samples", "6000", matplotlib=matplotlib)
    assert "Total params: 34,826" in output
    accuracy = re.search(r"test accuracy (\d+\.\d+)% \((\d+) of 10000 wrong\), loss \S+, after 1 epochs", output)
    assert accuracy
    assert float(accuracy[1]) >= 85
    assert pictures(tmp_path) == (["mnist_convnet.png"] if matplotlib else [])


@needs_mnist
def test_mnist_convnet_augmented(tmp_path: Path) -> None:
    output = run(tmp_path, "mnist_convnet.py", "--epochs", "1", "--samples", "1500", "--augment")
    assert re.search(r"random_translation .*28, 28, 1", output)
    assert "of 10000 wrong" in output


@needs_mnist
@pytest.mark.parametrize("matplotlib", [MATPLOTLIB])
def test_conv_autoencoder_in_short(tmp_path: Path, matplotlib: bool) -> None:
    output = run(tmp_path, "conv_autoencoder.py", "--epochs", "2", "--samples", "4000", matplotlib=matplotlib)
    decibels = re.search(r"test images: (\S+) dB with noise, (\S+) dB restored", output)
    assert decibels
    assert float(decibels[2]) > float(decibels[1]) + 2
    assert pictures(tmp_path) == ["conv_autoencoder.png"]


@needs_mnist
@pytest.mark.parametrize("matplotlib", [MATPLOTLIB])
def test_residual_cnn_in_short(tmp_path: Path, matplotlib: bool) -> None:
    arguments = ("--epochs", "2", "--samples", "3000", "--blocks", "1")
    output = run(tmp_path, "residual_cnn.py", *arguments, matplotlib=matplotlib)
    assert "residual: 19,994 weights, 6 layers deep" in output
    assert re.findall(r"^(residual|plain): test accuracy", output, re.MULTILINE) == ["residual", "plain"]
    assert pictures(tmp_path) == ["residual_cnn.png"]


@needs_mnist
@pytest.mark.parametrize("matplotlib", [MATPLOTLIB])
def test_fine_tuning_in_short(tmp_path: Path, matplotlib: bool) -> None:
    arguments = ("--epochs", "2", "--samples", "20000", "--steps", "40", "--draws", "1")
    output = run(tmp_path, "fine_tuning.py", *arguments, matplotlib=matplotlib)
    rows = re.findall(r"^ +(\d+) +(\d+\.\d+)% +(\d+\.\d+)%", output, re.MULTILINE)
    assert [int(count) for count, _, _ in rows] == [1, 3, 10, 30, 100, 300]
    tuned, scratch = ([float(row[i]) for row in rows] for i in (1, 2))
    assert tuned[-1] > 85
    assert sum(tuned) > sum(scratch), "what was learnt before helps"
    assert pictures(tmp_path) == ["fine_tuning.png"]
