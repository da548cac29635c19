"""Image files and folders of them: what is read and written, and what is refused."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ranvier as keras
from ranvier import layers
from ranvier.utils import array_to_img, image_dataset_from_directory, img_to_array, load_img, save_img

Image = pytest.importorskip("PIL.Image")


def picture(value: int, height: int = 6, width: int = 4, channels: int = 3) -> np.ndarray:
    """A picture whose first pixel is `value`."""
    pixels = np.random.default_rng(value).integers(0, 256, (height, width, channels))
    pixels[0, 0] = value
    return pixels.astype("float32")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """cats: 0 … 4, dogs: 10 … 13 (one further down, and one in upper case), birds: 20; and what is no picture."""
    for name, values in (("cats", range(5)), ("dogs", range(10, 13)), ("birds", [20])):
        (tmp_path / name).mkdir()
        for value in values:
            save_img(tmp_path / name / f"{value:02}.png", picture(value), scale=False)
    (tmp_path / "dogs" / "more").mkdir()
    save_img(tmp_path / "dogs" / "more" / "13.PNG", picture(13), scale=False)
    (tmp_path / "dogs" / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    return tmp_path


def dataset(folder: Path, **arguments: Any) -> Any:
    return image_dataset_from_directory(folder, **{"image_size": (6, 4), "verbose": False, **arguments})


def firsts(images: np.ndarray) -> list[int]:
    """The numbers of pictures that kept their size."""
    return [int(image[0, 0, 0]) for image in images]


# -- files -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("channels", "mode"), [(1, "grayscale"), (3, "rgb"), (4, "rgba")])
def test_what_is_written_is_read(tmp_path: Path, channels: int, mode: str) -> None:
    x = picture(7, channels=channels)
    save_img(tmp_path / "x.png", x, scale=False)
    image = load_img(tmp_path / "x.png", color_mode=mode)
    assert image.size == (4, 6)
    np.testing.assert_array_equal(img_to_array(image), x)
    assert img_to_array(image).dtype == "float32"
    first = img_to_array(image, data_format="channels_first", dtype="uint8")
    np.testing.assert_array_equal(first, x.transpose(2, 0, 1))
    np.testing.assert_array_equal(img_to_array(array_to_img(first, data_format="channels_first", scale=False)), x)
    data = io.BytesIO((tmp_path / "x.png").read_bytes())
    np.testing.assert_array_equal(img_to_array(load_img(data, color_mode=mode)), x)


def test_scaling_and_other_formats(tmp_path: Path) -> None:
    x = np.linspace(-1, 1, 24, dtype="float32").reshape(6, 4, 1)
    scaled = img_to_array(array_to_img(x))
    assert scaled.min() == 0
    assert scaled.max() == 255
    np.testing.assert_array_equal(img_to_array(array_to_img(np.full((2, 2, 3), 5.0))), 0)
    save_img(tmp_path / "x.jpg", picture(3, channels=4))  # transparency is left out
    assert load_img(tmp_path / "x.jpg").mode == "RGB"
    save_img(tmp_path / "plain", picture(3), file_format="bmp", scale=False)
    np.testing.assert_array_equal(img_to_array(load_img(str(tmp_path / "plain"))), picture(3))
    deep = np.array([[[0.0], [40000.0]]], "float32")
    np.testing.assert_array_equal(img_to_array(array_to_img(deep, scale=False)), deep)
    save_img(tmp_path / "tensor.png", keras.ops.convert_to_tensor(picture(2)), scale=False)
    np.testing.assert_array_equal(img_to_array(load_img(tmp_path / "tensor.png")), picture(2))


def test_loading_to_a_size(tmp_path: Path) -> None:
    save_img(tmp_path / "x.png", picture(1, 8, 4), scale=False)
    for interpolation in ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos"):
        small = load_img(tmp_path / "x.png", target_size=(4, 2), interpolation=interpolation)
        assert small.size == (2, 4)
    square = img_to_array(load_img(tmp_path / "x.png", target_size=(4, 4), keep_aspect_ratio=True))
    np.testing.assert_array_equal(square, picture(1, 8, 4)[2:6])


def test_damaged_files_are_named(tmp_path: Path) -> None:
    whole = io.BytesIO()
    array_to_img(picture(1, 40, 40)).save(whole, format="png")
    for name, data in (("cut.png", whole.getvalue()[:200]), ("empty.png", b""), ("text.jpg", b"hello" * 50)):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(
            ValueError, match=rf"\[load_img\] expected an image, but the file '.*{name}' cannot be read"
        ):
            load_img(tmp_path / name)
    with pytest.raises(ValueError, match="the data cannot be read"):
        load_img(io.BytesIO(b"nothing"))
    with pytest.raises(FileNotFoundError, match=r"gone\.png"):
        load_img(tmp_path / "gone.png")


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda p: load_img(p, color_mode="cmyk"), ValueError, "color_mode: expected 'grayscale'"),
        (lambda p: load_img(p, target_size=(4,)), ValueError, "target_size: expected"),
        (lambda p: load_img(p, target_size=(4, 0)), ValueError, "target_size: expected"),
        (lambda p: load_img(p, target_size=(4, 4), interpolation="area"), ValueError, "interpolation: expected one of"),
        (lambda p: load_img(3), TypeError, "path: expected a path"),
        (lambda p: array_to_img(np.zeros((2, 2))), ValueError, "expected one image of rank 3"),
        (lambda p: array_to_img(np.zeros((2, 2, 2))), ValueError, "expected 1, 3 or 4 channels"),
        (lambda p: array_to_img(np.zeros((0, 2, 3))), ValueError, "some pixels"),
        (lambda p: array_to_img(np.full((2, 2, 3), np.nan)), ValueError, "finite"),
        (lambda p: array_to_img(np.full((2, 2, 3), 256.0), scale=False), ValueError, "use scale=True"),
        (lambda p: array_to_img(np.zeros((2, 2, 3)), data_format="x"), ValueError, "data_format: expected"),
        (lambda p: img_to_array(np.zeros(3)), ValueError, "expected an image"),
        (lambda p: save_img(p.with_suffix(""), np.zeros((2, 2, 3))), ValueError, "expected an ending"),
        (lambda p: save_img(p.with_suffix(".xyz"), np.zeros((2, 2, 3))), ValueError, "cannot write 'xyz'"),
    ],
)
def test_wrong_arguments(tmp_path: Path, call: Any, error: type[Exception], match: str) -> None:
    path = tmp_path / "x.png"
    save_img(path, picture(1))
    with pytest.raises(error, match=match):
        call(path)


def test_without_pillow(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    for call in (
        lambda: load_img("x.png"),
        lambda: array_to_img(np.zeros((2, 2, 3))),
        lambda: image_dataset_from_directory(tmp_path),
    ):
        with pytest.raises(ImportError, match=r"pip install 'ranvier\[image\]'"):
            call()


# -- folders -----------------------------------------------------------------------------------------------------------


def test_classes_are_folders(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = dataset(folder, shuffle=False, batch_size=4, verbose=True)
    assert capsys.readouterr().out == "Found 10 files belonging to 3 classes.\n"
    assert data.class_names == ["birds", "cats", "dogs"]
    assert [Path(p).name for p in data.file_paths][-1] == "13.PNG"
    assert len(data) == 3
    for _ in range(2):
        batches = list(data)
        assert [x.shape for x, _ in batches] == [(4, 6, 4, 3), (4, 6, 4, 3), (2, 6, 4, 3)]
        assert sum((firsts(x) for x, _ in batches), []) == [20, 0, 1, 2, 3, 4, 10, 11, 12, 13]
        labels = np.concatenate([y for _, y in batches])
        assert labels.dtype == "int32"
        assert labels.tolist() == [0, 1, 1, 1, 1, 1, 2, 2, 2, 2]
    np.testing.assert_array_equal(batches[0][0][1], picture(0))


def test_kinds_of_labels(folder: Path) -> None:
    _, y = next(iter(dataset(folder, label_mode="categorical", shuffle=False)))
    assert y.dtype == "float32"
    np.testing.assert_array_equal(y.argmax(1), [0, 1, 1, 1, 1, 1, 2, 2, 2, 2])
    np.testing.assert_array_equal(y.sum(1), 1)
    _, y = next(iter(dataset(folder, label_mode="binary", class_names=["dogs", "cats"], shuffle=False)))
    assert y.shape == (9, 1)
    assert y[:, 0].tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]
    for arguments in ({"label_mode": None}, {"labels": None}):
        images = next(iter(dataset(folder, shuffle=False, **arguments)))
        assert images.shape == (10, 6, 4, 3)
    given = dataset(folder, labels=[1, 0, 0, 0, 0, 0, 1, 1, 1, 1], shuffle=False)
    assert given.class_names == ["0", "1"]
    assert next(iter(given))[1].tolist() == [1, 0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_sizes_colours_and_axes(folder: Path) -> None:
    x, _ = next(iter(dataset(folder, color_mode="grayscale", image_size=5)))
    assert x.shape == (10, 5, 5, 1)
    x, _ = next(iter(dataset(folder, color_mode="rgba", data_format="channels_first")))
    assert x.shape == (10, 4, 6, 4)
    x, _ = next(iter(dataset(folder, image_size=(4, 4), crop_to_aspect_ratio=True, shuffle=False)))
    np.testing.assert_array_equal(x[1], picture(0)[1:5])
    x, _ = next(iter(dataset(folder, image_size=(6, 6), pad_to_aspect_ratio=True, shuffle=False)))
    np.testing.assert_array_equal(x[1], np.pad(picture(0), ((0, 0), (1, 1), (0, 0))))
    x, y = next(iter(dataset(folder, batch_size=None, shuffle=False)))
    assert x.shape == (6, 4, 3)
    assert y.shape == ()


def test_shuffling(folder: Path) -> None:
    def orders(seed: int | None) -> list[list[int]]:
        data = dataset(folder, batch_size=3, seed=seed)
        epochs = [[(firsts(x), y.tolist()) for x, y in data] for _ in range(2)]
        for epoch in epochs:  # labels go with their pictures
            assert all(
                (value // 10 + 1) % 3 == label for values, y in epoch for value, label in zip(values, y, strict=True)
            )
        return [sum((values for values, _ in epoch), []) for epoch in epochs]

    first, second = orders(5)
    assert first != second
    assert sorted(first) == sorted(second) == [0, 1, 2, 3, 4, 10, 11, 12, 13, 20]
    assert orders(5) == [first, second]
    assert orders(6) != [first, second]
    assert orders(None) != orders(None)


def test_parts(folder: Path) -> None:
    training, validation = dataset(folder, validation_split=0.3, subset="both", seed=1)
    alone = [dataset(folder, validation_split=0.3, subset=subset, seed=1) for subset in ("training", "validation")]
    assert [len(d.file_paths) for d in (training, validation)] == [7, 3]
    assert [d.file_paths for d in alone] == [training.file_paths, validation.file_paths]
    assert not set(training.file_paths) & set(validation.file_paths)
    # The files Keras 3.15 chooses for this seed: NumPy's RandomState shuffles the sorted paths.
    order = np.arange(10)
    np.random.RandomState(1).shuffle(order)
    values = np.array([20, 0, 1, 2, 3, 4, 10, 11, 12, 13])
    assert [int(Path(p).stem) for p in validation.file_paths] == values[order[-3:]].tolist()


def test_a_model_trains_on_a_folder_with_augmentation(folder: Path) -> None:
    keras.utils.set_random_seed(1)
    flip = layers.RandomFlip(seed=1)
    data = dataset(folder, batch_size=5, seed=1, label_mode="categorical")
    changed = data.map(lambda x, y: (flip(x), y)).map(lambda x, y: layers.MixUp(seed=2)({"images": x, "labels": y}))
    assert changed.class_names == data.class_names
    model = keras.Sequential(
        [keras.Input((6, 4, 3)), layers.Rescaling(1 / 255), layers.Flatten(), layers.Dense(3, "softmax")]
    )
    model.compile("adam", "categorical_crossentropy")
    history = model.fit(changed, epochs=30, verbose=0).history["loss"]
    assert history[-1] < history[0]
    assert model.predict(data.map(lambda x, y: x), verbose=0).shape == (10, 3)


def test_damaged_pictures_of_a_folder_are_named(folder: Path) -> None:
    (folder / "cats" / "bad.png").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"bad\.png' cannot be read"):
        list(dataset(folder))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"labels": "guessed"}, "labels: expected 'inferred', None or a list"),
        ({"labels": [0, 1]}, r"labels: expected one int of 0 or more for each of the 10 files, received shape \(2,\)"),
        ({"labels": [0.5] * 10}, "received shape .* of float64"),
        ({"labels": [0] * 9 + [5], "label_mode": "categorical"}, "number the classes without gaps"),
        ({"labels": [0] * 10, "class_names": ["a"]}, "class_names: only goes with labels='inferred'"),
        ({"label_mode": "text"}, "label_mode: expected one of 'int'"),
        ({"label_mode": "binary"}, "needs 2 classes, found"),
        ({"class_names": ["cats", "cows"]}, r"class_names: expected subfolders .* received \['cows'\]"),
        ({"class_names": []}, "found none"),
        ({"color_mode": "cmyk"}, "color_mode: expected one of"),
        ({"batch_size": 0}, "batch_size: expected a positive int"),
        ({"image_size": (4, 0)}, "image_size: expected"),
        ({"image_size": (4, 4, 3)}, "image_size: expected"),
        ({"interpolation": "area"}, "interpolation: expected one of 'bilinear'"),
        ({"validation_split": 0.3}, "validation_split and subset together"),
        ({"subset": "training"}, "validation_split and subset together"),
        ({"validation_split": 1.5, "subset": "training", "seed": 1}, "between 0 and 1"),
        ({"validation_split": 0.01, "subset": "training", "seed": 1}, "is not one file"),
        ({"validation_split": 0.3, "subset": "training"}, "seed: expected an int"),
        ({"validation_split": 0.3, "subset": "test", "seed": 1}, "subset: expected one of"),
        ({"crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}, "received both"),
        ({"data_format": "x"}, "data_format: expected"),
    ],
)
def test_wrong_arguments_of_folders(folder: Path, arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        dataset(folder, **arguments)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="expected a folder"):
        dataset(tmp_path / "gone")
