"""Data in folders and series as batches, under the names of `keras.preprocessing`; also found in `ranvier.utils`."""

from ranvier.preprocessing import image, sequence
from ranvier.utils.image_dataset import image_dataset_from_directory
from ranvier.utils.text_dataset import text_dataset_from_directory
from ranvier.utils.timeseries_dataset import timeseries_dataset_from_array

__all__ = [
    "image",
    "image_dataset_from_directory",
    "sequence",
    "text_dataset_from_directory",
    "timeseries_dataset_from_array",
]
