"""Looking into a model: what moves an output, what a layer sees, and pictures of both.

The functions return NumPy arrays; those called `plot...` make matplotlib figures of such arrays:

    heat = ranvier.explain.grad_cam(model, images)
    ranvier.explain.plot(heat, images).savefig("heat.png")

Of texts, the tokens are shaded by what they do for an output:

    values = ranvier.explain.token_attributions(model, ids)
    print(ranvier.explain.ShadedText(words, values[0]))
"""

from __future__ import annotations

from ranvier.explain.attention import attention_maps
from ranvier.explain.gradients import integrated_gradients, saliency, smooth_grad
from ranvier.explain.maps import feature_maps, filters, grad_cam
from ranvier.explain.occlusion import occlusion
from ranvier.explain.optimise import activation_maximization
from ranvier.explain.plots import plot, plot_feature_maps, plot_images
from ranvier.explain.plots_attention import plot_attention
from ranvier.explain.shading import ShadedText
from ranvier.explain.tokens import token_attributions

__all__ = [
    "ShadedText",
    "activation_maximization",
    "attention_maps",
    "feature_maps",
    "filters",
    "grad_cam",
    "integrated_gradients",
    "occlusion",
    "plot",
    "plot_attention",
    "plot_feature_maps",
    "plot_images",
    "saliency",
    "smooth_grad",
    "token_attributions",
]
