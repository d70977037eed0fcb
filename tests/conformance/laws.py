"""Law 1: how far from Keras is too far (run.py states it)."""

import dataclasses

import numpy as np

ILL_CONDITIONED = 1e-3


@dataclasses.dataclass
class Answers:
    reference: np.ndarray  # float64
    single: np.ndarray  # Keras in float32


class Law1:
    """The worst of the output tensors of one file.  `moved` is how far, of
    its scale, the reference moves with the last bits of the weights."""

    def __init__(self, moved=0.0):
        self.moved = moved
        self.ill = []
        self.wrong = []
        self.margin = 0.0

    def judge(self, what, ours, answers):
        reference = answers.reference
        if ours.shape != reference.shape:
            self.wrong.append(
                f"{what}: shape {ours.shape}, not {reference.shape}"
            )
            return
        scale = max(1.0, float(np.abs(reference).max()))
        keras = float(np.abs(answers.single - reference).max())
        error = float(np.abs(ours - reference).max())
        bound = max(1e-6 * scale, 2 * keras, 2 * self.moved * scale)
        numbers = (
            f"{what}: ours off by {error:.3g}, Keras by {keras:.3g},"
            f" of {scale:.3g}"
        )
        if keras > ILL_CONDITIONED * scale:
            self.ill.append(numbers)
        elif not error <= bound:
            self.wrong.append(f"{numbers}; bound {bound:.3g}")
        else:
            self.margin = max(self.margin, error / bound)
