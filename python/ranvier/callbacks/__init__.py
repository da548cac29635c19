"""Callbacks: objects that training, evaluation and prediction tell what happens, under the names of Keras 3."""

from __future__ import annotations

from ranvier.callbacks.backup_and_restore import BackupAndRestore
from ranvier.callbacks.callback import Callback
from ranvier.callbacks.callback_list import CallbackList
from ranvier.callbacks.csv_logger import CSVLogger
from ranvier.callbacks.early_stopping import EarlyStopping
from ranvier.callbacks.history import History
from ranvier.callbacks.lambda_callback import LambdaCallback
from ranvier.callbacks.learning_rate_scheduler import LearningRateScheduler
from ranvier.callbacks.model_checkpoint import ModelCheckpoint
from ranvier.callbacks.reduce_lr_on_plateau import ReduceLROnPlateau
from ranvier.callbacks.terminate_on_nan import TerminateOnNaN

__all__ = [
    "BackupAndRestore",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "TerminateOnNaN",
]
