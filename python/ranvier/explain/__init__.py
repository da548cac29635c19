"""Looking into a model: what moves an output, what a layer sees, and pictures of both.

The functions return NumPy arrays; those called `plot...` make matplotlib figures of such arrays:

    heat = ranvier.explain.grad_cam(model, images)
    ranvier.explain.plot(heat, images).savefig("heat.png")
"""

from __future__ import annotations

from ranvier.explain.gradients import integrated_gradients, saliency, smooth_grad
from ranvier.explain.maps import feature_maps, filters, grad_cam
from ranvier.explain.occlusion import occlusion
from ranvier.explain.optimise import activation_maximization
from ranvier.explain.plots import plot, plot_feature_maps, plot_images

__all__ = [
    "activation_maximization",
    "feature_maps",
    "filters",
    "grad_cam",
    "integrated_gradients",
    "occlusion",
    "plot",
    "plot_feature_maps",
    "plot_images",
    "saliency",
    "smooth_grad",
]
