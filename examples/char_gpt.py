"""A small GPT that learns Shakespeare letter by letter, to below 1.88 nats per character in minutes, and writes.

    python examples/char_gpt.py
    python examples/char_gpt.py --epochs 1             # a first impression
    python examples/char_gpt.py --prompt "JULIET:" --length 2000

Four pre-norm transformer blocks made of plain layers with the functional API, after A. Radford et al. (2019), "Language
Models are Unsupervised Multitask Learners": each step looks at itself and at what is before it. The sizes are those of
A. Karpathy's nanoGPT for a laptop. The text is looked for in RANVIER_DATASETS and else downloaded.
"""

from __future__ import annotations

import numpy as np
from _pictures import pyplot, save
from _text import learn, options, sample, shakespeare

import ranvier as keras
from ranvier import layers

BLOCK, BATCH = 64, 32  # characters that are looked back on, pieces in a step
DEPTH, HEADS, WIDTH, DROPOUT = 4, 4, 128, 0.05


def transformer_block(x: keras.KerasTensor) -> keras.KerasTensor:
    """Attention and a dense network, each added to what it has read (normalised)."""
    y = layers.LayerNormalization(epsilon=1e-5)(x)
    y = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)(y, y, use_causal_mask=True)
    x = layers.Add()([x, layers.Dropout(DROPOUT)(y)])
    y = layers.LayerNormalization(epsilon=1e-5)(x)
    y = layers.Dense(4 * WIDTH, activation="gelu")(y)
    y = layers.Dense(WIDTH)(y)
    return layers.Add()([x, layers.Dropout(DROPOUT)(y)])


def build(tokens: int, steps: int) -> keras.Model:
    ids = keras.Input(shape=(None,), dtype="int32")
    x = layers.Embedding(tokens, WIDTH)(ids)
    x = layers.Add()([x, layers.PositionEmbedding(BLOCK)(x)])
    x = layers.Dropout(DROPOUT)(x)
    for _ in range(DEPTH):
        x = transformer_block(x)
    x = layers.LayerNormalization(epsilon=1e-5)(x)
    model = keras.Model(ids, layers.Dense(tokens)(x), name="gpt")
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, decay_steps=steps - steps // 20, alpha=0.5, warmup_target=2e-3, warmup_steps=steps // 20
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=0.01, beta_2=0.99), loss=loss)
    return model


def reasons(model: keras.Model, text: str, ids: np.ndarray) -> None:
    """Prints what made the network expect the last character of the text, by the characters before it."""
    *_, last = ids
    values = keras.explain.token_attributions(model, ids[None, :-1], target=lambda y: y[:, -1, last])
    print(f"\nwhat speaks for (#, +) and against (=, -) the {text[-1]!r} at the end:")
    print(keras.explain.ShadedText(text[:-1], values[0]))


def picture(model: keras.Model, text: str, ids: np.ndarray) -> None:
    """Where the heads look while the network reads a line."""
    if pyplot() is None:
        return
    maps = keras.explain.attention_maps(model, ids[None])
    figure = keras.explain.plot_attention(maps, text, title="What each character looks at, by layer and head")
    save(figure, "char_gpt.png")


def main() -> None:
    chosen = options(__doc__.splitlines()[0], epochs=3)
    keras.utils.set_random_seed(chosen.seed)
    vocabulary, train, valid = shakespeare(chosen.characters)
    steps = chosen.epochs * -(-(len(train) - BLOCK) // (BLOCK // 2 * BATCH))
    model = build(len(vocabulary), steps)
    model.summary()
    losses = learn(model, train, valid, BLOCK, BATCH, chosen.epochs)
    print(f"\nvalidation loss {losses[-1]:.3f} nats per character after {chosen.epochs} epochs")
    sample(model, vocabulary, chosen)
    line = "to be, or not to be: that is the question"
    reasons(model, line, vocabulary.encode(line))
    picture(model, line[:19], vocabulary.encode(line[:19]))


if __name__ == "__main__":
    main()
