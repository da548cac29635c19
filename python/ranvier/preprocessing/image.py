"""Images and arrays, under the names of `keras.preprocessing.image`."""

from ranvier.utils.image_files import array_to_img, img_to_array, load_img, save_img

__all__ = ["array_to_img", "img_to_array", "load_img", "save_img"]
