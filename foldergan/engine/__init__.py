"""What one backend of Keras does otherwise than another.

Starting, compiling, differentiating, random numbers: everything else is `keras`,
`keras.ops` and NumPy. `backend.load` starts the backend and then imports this.
"""

import keras

if keras.backend.backend() == "jax":
    from foldergan.engine.jax_engine import (
        compiled,
        compiled_steps,
        convolution_work,
        devices,
        every,
        fold_in,
        integers,
        normal,
        own_rows,
        prepare,
        seed_everything,
        shift_each,
        uniform,
        value_and_gradients,
        whole,
    )
else:
    from foldergan.engine.tensorflow_engine import (
        compiled,
        compiled_steps,
        convolution_work,
        devices,
        every,
        fold_in,
        integers,
        normal,
        own_rows,
        prepare,
        seed_everything,
        shift_each,
        uniform,
        value_and_gradients,
        whole,
    )

__all__ = [
    "compiled",
    "compiled_steps",
    "convolution_work",
    "devices",
    "every",
    "fold_in",
    "integers",
    "normal",
    "own_rows",
    "prepare",
    "seed_everything",
    "shift_each",
    "uniform",
    "value_and_gradients",
    "whole",
]
