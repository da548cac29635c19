"""A Keras 3 script runs with only its import changed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np

SCRIPT = """
import numpy as np
import keras
from keras import layers

keras.utils.set_random_seed(42)
keras.backend.clear_session()

# Two moons
rng = np.random.default_rng(0)
angle = rng.uniform(0, np.pi, 600)
x = np.stack([np.cos(angle), np.sin(angle)], axis=1)
x[300:] = [1.0, 0.4] - x[300:]
x = (x + rng.normal(scale=0.1, size=x.shape)).astype("float32")
y = np.repeat([0, 1], 300)
order = rng.permutation(600)
x, y = x[order], y[order]
x_train, y_train, x_test, y_test = x[:500], y[:500], x[500:], y[500:]

model = keras.Sequential(
    [
        keras.Input(shape=(2,)),
        layers.Dense(32, activation="relu", kernel_initializer="he_normal"),
        layers.BatchNormalization(),
        layers.Dropout(0.1),
        layers.Dense(32, activation="relu", kernel_regularizer=keras.regularizers.L2(1e-4)),
        layers.Dense(2, activation="softmax"),
    ]
)
model.summary()
model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
early_stopping = keras.callbacks.EarlyStopping(monitor="val_loss", patience=8, restore_best_weights=True)
history = model.fit(
    x_train, y_train, batch_size=32, epochs=60, validation_split=0.2, callbacks=[early_stopping], verbose=2
)
loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
probabilities = model.predict(x_test, verbose=0)
predicted = np.argmax(probabilities, axis=1)

print("keras version", keras.__version__)
print("epochs", len(history.history["val_loss"]))
print("accuracy", accuracy)
print("agree", float((predicted == y_test).mean()))
print("shapes", probabilities.shape, [w.shape for w in model.get_weights()][:2])

model2 = keras.models.Sequential()
model2.add(keras.Input((2,)))
model2.add(keras.layers.Dense(1, activation="sigmoid"))
model2.compile(
    loss=keras.losses.BinaryCrossentropy(),
    optimizer=keras.optimizers.Adam(learning_rate=0.05),
    metrics=[keras.metrics.BinaryAccuracy(), keras.metrics.AUC()],
)
model2.fit(x_train, y_train, epochs=2, verbose=0, class_weight={0: 1.0, 1: 2.0}, validation_data=(x_test, y_test))
print(sorted(model2.history.history))
"""


FUNCTIONAL = """
import numpy as np
import keras
from keras import layers, ops

keras.utils.set_random_seed(7)
rng = np.random.default_rng(0)
points = rng.normal(size=(512, 8)).astype("float32")
extra = rng.normal(size=(512, 3)).astype("float32")
label = (points[:, 0] + extra[:, 0] > 0).astype("int64")
amount = (points[:, :2].sum(axis=1) - extra[:, 1]).astype("float32")

# A trunk with a residual block, made with a function as in many scripts
def block(x, units, name):
    y = layers.Dense(units, activation="relu", name=f"{name}_1")(x)
    y = layers.Dense(units, name=f"{name}_2")(y)
    if x.shape[-1] != units:
        x = layers.Dense(units, use_bias=False, name=f"{name}_skip")(x)
    return layers.Activation("relu", name=f"{name}_out")(layers.add([x, y]))

points_in = keras.Input(shape=(8,), name="points")
extra_in = layers.Input(shape=(3,), name="extra")
trunk = block(block(points_in, 16, "first"), 16, "second")
side = layers.BatchNormalization()(layers.Dense(16, activation="tanh")(extra_in))
merged = layers.Concatenate()([trunk, side, ops.tanh(trunk) * side])
merged = layers.Dropout(0.1)(merged)
label_out = layers.Dense(1, activation="sigmoid", name="label")(merged)
amount_out = layers.Dense(1, name="amount")(merged)
model = keras.Model(inputs=[points_in, extra_in], outputs=[label_out, amount_out], name="two_heads")
model.summary()
model.compile(
    optimizer=keras.optimizers.Adam(0.01),
    loss={"label": "binary_crossentropy", "amount": "mse"},
    loss_weights={"label": 1.0, "amount": 0.5},
    metrics={"label": ["accuracy"]},
)
history = model.fit(
    {"points": points, "extra": extra},
    {"label": label, "amount": amount},
    epochs=15, batch_size=32, validation_split=0.2, verbose=0,
)
print("falls", history.history["loss"][-1] < 0.5 * history.history["loss"][0])
found = model.evaluate([points, extra], [label, amount], verbose=0, return_dict=True)
print("good", found["label_accuracy"] > 0.9)
first, second = model.predict([points, extra], verbose=0)
print("shapes", first.shape, second.shape)

# Transfer: the trunk without its head, frozen
features = keras.Model(model.inputs[0], model.get_layer("second_out").output)
features.trainable = False
inputs = keras.Input(shape=(8,))
outputs = layers.Dense(1)(features(inputs, training=False))
transfer = keras.Model(inputs, outputs)
transfer.compile("adam", "mse")
before = features.get_weights()
transfer.fit(points, amount, epochs=2, verbose=0)
print("frozen", all(np.array_equal(a, b) for a, b in zip(before, features.get_weights())))
print("trainable", len(transfer.trainable_weights))
clone = keras.models.clone_model(model)
clone.set_weights(model.get_weights())
print("cloned", np.allclose(clone.predict([points, extra], verbose=0)[1], second))
print(isinstance(model, keras.Model), model.input_shape, model.output_names)
"""

CONVNET = """
import numpy as np
import keras
from keras import layers
from keras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D

keras.utils.set_random_seed(1)
# Lines, lying or standing, with noise
rng = np.random.default_rng(0)
x = rng.normal(scale=0.3, size=(600, 12, 12)).astype("float32")
y = rng.integers(0, 2, 600)
for image, label, place in zip(x, y, rng.integers(0, 12, 600)):
    if label:
        image[:, place] += 1
    else:
        image[place] += 1
x = np.expand_dims(x, -1)

model = keras.models.Sequential()
model.add(Conv2D(8, kernel_size=(3, 3), activation="relu", input_shape=(12, 12, 1)))
model.add(BatchNormalization(momentum=0.9))
model.add(layers.SeparableConv2D(16, 3, padding="same", use_bias=False))
model.add(layers.LeakyReLU(negative_slope=0.1))
model.add(MaxPooling2D(pool_size=(2, 2)))
model.add(layers.DepthwiseConv2D(3, strides=2, padding="same", depthwise_regularizer="l2"))
model.add(Dropout(0.2))
model.add(Flatten())
model.add(Dense(2, activation="softmax"))
model.summary()
model.compile(loss="categorical_crossentropy", optimizer="adam", metrics=["accuracy"])
targets = keras.utils.to_categorical(y, 2)
model.fit(x[:500], targets[:500], batch_size=32, epochs=12, validation_data=(x[500:], targets[500:]), verbose=0)
print("accuracy", model.evaluate(x[500:], targets[500:], verbose=0)[1])

encoder = [
    keras.Input((12, 12, 1)), layers.Conv2D(8, 3, strides=2, padding="same", activation="relu"),
    layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
]
decoder = [
    layers.Conv2DTranspose(8, 3, strides=2, padding="same", activation="relu"),
    layers.Conv2DTranspose(1, 3, strides=2, padding="same"),
]
autoencoder = keras.Sequential([*encoder, *decoder])
autoencoder.compile("adam", "mse")
history = autoencoder.fit(x, x, epochs=5, verbose=0).history
print("autoencoder", autoencoder.output_shape, history["loss"][-1] < history["loss"][0])
"""


def test_a_convnet_script_runs_with_only_its_import_changed(tmp_path: Path) -> None:
    changed = re.sub(r"^import keras$", "import ranvier as keras", CONVNET, flags=re.M)
    changed = re.sub(r"^from keras(\.layers)? import", r"from ranvier\1 import", changed, flags=re.M)
    (tmp_path / "script.py").write_text(changed)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(tmp_path / "script.py")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    for part in ("separable_conv2d (SeparableConv2D)", "depthwise_conv2d (DepthwiseConv2D)", "(None, 10, 10, 8)"):
        assert part in done.stdout
    assert float(next(line for line in lines if line.startswith("accuracy ")).split()[1]) > 0.95
    assert "autoencoder (None, 12, 12, 1) True" in lines


def test_a_functional_script_runs_with_only_its_import_changed(tmp_path: Path) -> None:
    changed = re.sub(r"^import keras$", "import ranvier as keras", FUNCTIONAL, flags=re.M)
    changed = re.sub(r"^from keras import", "from ranvier import", changed, flags=re.M)
    (tmp_path / "script.py").write_text(changed)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(tmp_path / "script.py")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    out = done.stdout
    for part in ('Model: "two_heads"', "Connected to", "first_1[0][0]", "points (InputLayer)", "tanh (Tanh)"):
        assert part in out
    for line in (
        "falls True",
        "good True",
        "shapes (512, 1) (512, 1)",
        "frozen True",
        "trainable 2",
        "cloned True",
        "True [(None, 8), (None, 3)] ['label', 'amount']",
    ):
        assert line in out.splitlines()


def test_the_script_runs_with_only_its_import_changed(tmp_path: Path) -> None:
    changed = re.sub(r"^import keras$", "import ranvier as keras", SCRIPT, flags=re.M)
    changed = re.sub(r"^from keras import", "from ranvier import", changed, flags=re.M)
    assert sum(a != b for a, b in zip(SCRIPT.splitlines(), changed.splitlines(), strict=True)) == 2
    (tmp_path / "script.py").write_text(changed)
    done = subprocess.run(
        [sys.executable, "-W", "error", str(tmp_path / "script.py")], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    out = done.stdout
    for part in ('Model: "sequential"', "batch_normalization (BatchNormalization)", "Epoch 1/60 - 13/13", "val_loss: "):
        assert part in out
    values = dict(line.split(" ", 1) for line in out.splitlines() if line.startswith(("epochs", "accuracy", "agree")))
    assert 1 <= int(values["epochs"]) <= 60
    assert float(values["accuracy"]) > 0.95
    assert np.isclose(float(values["accuracy"]), float(values["agree"]))
    assert "shapes (100, 2) [(2, 32), (32,)]" in out
    assert out.splitlines()[-1] == str(["auc", "binary_accuracy", "loss", "val_auc", "val_binary_accuracy", "val_loss"])


def test_other_names_scripts_use() -> None:
    import ranvier as keras
    import ranvier.layers as L

    assert keras.models.Sequential is keras.Sequential
    assert keras.layers.Dense is L.Dense
    assert keras.layers.Input is keras.Input
    assert keras.version() == keras.__version__
    assert keras.backend.floatx() == keras.config.floatx() == "float32"
    assert keras.saving.load_model is keras.models.load_model
    assert issubclass(keras.Sequential, keras.Model)
    assert issubclass(keras.Model, keras.layers.Layer)
    assert callable(keras.utils.to_categorical)
    for name in keras.__all__:
        assert getattr(keras, name) is not None
    assert set(keras.__all__) <= set(dir(keras))
