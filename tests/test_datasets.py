"""The digits that the examples train on."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import digits, train_test_split


def test_digits_are_the_uci_test_set() -> None:
    images, labels = digits()
    assert images.shape == (1797, 64)
    assert images.dtype == np.float64
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert labels.dtype == np.int64
    # the class counts that UCI states for optdigits.tes
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_digits_come_in_the_dtype_asked_for() -> None:
    images, _ = digits(np.float32)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, digits()[0])  # sixteenths are exact in both


def test_split_is_a_partition_and_repeats() -> None:
    rows = np.arange(1797)
    (train, train_labels), (test, _) = train_test_split(rows, rows, test_fraction=0.25, seed=3)
    (again, _), _ = train_test_split(rows, rows, test_fraction=0.25, seed=3)
    assert len(test) == 449
    np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), rows)
    np.testing.assert_array_equal(train, train_labels)
    np.testing.assert_array_equal(train, again)


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_split_refuses_what_is_no_fraction(fraction: float) -> None:
    with pytest.raises(ValueError, match="test_fraction"):
        train_test_split(*digits(), test_fraction=fraction)


def test_split_refuses_images_without_labels() -> None:
    images, labels = digits()
    with pytest.raises(ValueError, match="1797 images but 1796 labels"):
        train_test_split(images, labels[1:])
