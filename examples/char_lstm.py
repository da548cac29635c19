"""Learn Shakespeare letter by letter with an LSTM, and let it write.

    python examples/char_lstm.py                       # some minutes
    python examples/char_lstm.py --epochs 2            # a first impression
    python examples/char_lstm.py --prompt "ROMEO:" --temperature 0.6

The network reads a character and says what may follow. While it writes, its state is all it remembers: there is no
window, each character costs the same. The text is looked for in RANVIER_DATASETS and else downloaded.
"""

from __future__ import annotations

from _text import learn, options, sample, shakespeare

import ranvier as keras
from ranvier import layers

LENGTH, BATCH, UNITS = 100, 64, 256


def build(tokens: int, steps: int) -> keras.Sequential:
    model = keras.Sequential(
        [
            keras.Input(shape=(None,), dtype="int32"),
            layers.Embedding(tokens, 64),
            layers.LSTM(UNITS, return_sequences=True),
            layers.Dropout(0.2),
            layers.Dense(tokens),
        ]
    )
    rate = keras.optimizers.schedules.CosineDecay(0.004, decay_steps=steps, alpha=0.05)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(rate, clipnorm=1.0), loss=loss)
    return model


def main() -> None:
    chosen = options(__doc__.splitlines()[0], epochs=8)
    keras.utils.set_random_seed(chosen.seed)
    vocabulary, train, valid = shakespeare(chosen.characters)
    steps = chosen.epochs * -(-(len(train) - LENGTH) // (LENGTH // 2 * BATCH))
    model = build(len(vocabulary), steps)
    model.summary()
    losses = learn(model, train, valid, LENGTH, BATCH, chosen.epochs)
    print(f"\nvalidation loss {losses[-1]:.3f} nats per character after {chosen.epochs} epochs")
    sample(model, vocabulary, chosen)


if __name__ == "__main__":
    main()
