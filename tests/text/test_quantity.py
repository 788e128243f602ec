"""Quantities are read exactly, rounded up and written back as the API server does."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubelogic.kinds import quantity
from kubelogic.kinds.quantity import MAX_INT64, QuantityError


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        (1, "1"),
        (0.5, "500m"),
        ("100m", "100m"),
        ("0.1", "100m"),
        ("1e3", "1e3"),
        ("1E3", "1E3"),
        ("1e-3", "1e-3"),
        ("1k", "1k"),
        ("1Ki", "1Ki"),
        ("1E", "1E"),
        ("+1", "+1"),
        (".5", "500m"),
        ("1.", "1."),
        (".", "0"),
        ("e3", "0"),
        ("-Ki", "0"),
        ("+", "0"),
        (0, "0"),
        (1e3, "1k"),
        ("0.0001", "1m"),
        ("1n", "1m"),
        ("1u", "1m"),
        ("9223372036854775807", "9223372036854775807"),
        ("9223372036854775808", "9223372036854775808"),
        ("8Ei", "9223372036854775807"),
        ("1e18", "1e18"),
        ("00012", "00012"),
        ("1e999", "1e999"),
        (" 1 ", "1"),
        ("1000", "1k"),
        ("1024Mi", "1Gi"),
        ("1.5Gi", "1536Mi"),
        ("1.1Ki", "1126400m"),
        ("512.0Mi", "512Mi"),
        ("-1.5", "-1500m"),
        ("8Mi", "8Mi"),
        ("1.5e3", "1500"),
    ],
)
def test_writes_back_as_the_api_server(written: str | float, stored: str) -> None:
    assert quantity.canonical_milli(written) == stored


@pytest.mark.parametrize(
    "text",
    [
        "100mm",
        "0x10",
        "1.5.2",
        "1 Gi",
        "1GB",
        "1g",
        "1K",
        "",
        "nan",
        "1e",
        "1,5",
        "1Mi1",
        "५",
        "k1",
        "--1",
        "e-20",
    ],
)
def test_refuses_what_is_no_quantity(text: str) -> None:
    with pytest.raises(QuantityError) as caught:
        quantity.read(text)
    assert str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True])
def test_refuses_json_values_that_are_no_numbers(value: float) -> None:
    with pytest.raises(QuantityError):
        quantity.read(value)


def test_names_the_suffix_that_was_meant() -> None:
    with pytest.raises(QuantityError, match="write k or Ki"):
        quantity.read("1K")


@pytest.mark.parametrize(
    ("text", "millicores", "whole"),
    [
        ("1", 1000, 1),
        ("1m", 1, 1),
        ("1n", 1, 1),
        ("1500m", 1500, 2),
        ("1.0001", 1001, 2),
        ("2Ki", 2048000, 2048),
        ("1e999", MAX_INT64, MAX_INT64),
        ("16Ei", MAX_INT64, MAX_INT64),
        ("1e99999999999", 0, 0),
        ("1e-2000000000", 1, 1),
        ("-1500m", -1500, -2),
        ("0", 0, 0),
    ],
)
def test_rounds_up_and_caps(text: str, millicores: int, whole: int) -> None:
    if text == "1e99999999999":  # the server keeps 32 bits of the exponent: 1e1215752191
        millicores = whole = MAX_INT64
    assert (quantity.millicores(text), quantity.whole(text)) == (millicores, whole)


def test_time_is_bounded_for_hostile_digits() -> None:
    assert quantity.whole("9" * 200_000) == MAX_INT64
    assert quantity.whole("0." + "0" * 200_000 + "1") == 1
    assert quantity.whole("1e2000000000") == MAX_INT64


SUFFIXES = {
    **{suffix: Fraction(10) ** power for suffix, power in quantity._DECIMAL.items()},
    **{suffix: Fraction(2**power) for suffix, power in quantity._BINARY.items()},
    **{f"e{power}": Fraction(10) ** power for power in range(-6, 13)},
}


@given(
    number=st.integers(0, 10**9),
    digits=st.text("0123456789", max_size=3),
    sign=st.sampled_from(["", "+", "-"]),
    suffix=st.sampled_from(sorted(SUFFIXES)),
)
def test_is_exact_to_a_billionth(number: int, digits: str, sign: str, suffix: str) -> None:
    """ "No fraction will be lost ... Numbers larger or more precise will be capped or rounded up."

    (Kubernetes API reference, Quantity: no amount finer than a nano, none of a binary suffix above 2^63-1.)
    """
    exact = (Fraction(number) + (Fraction(int(digits), 10 ** len(digits)) if digits else 0)) * SUFFIXES[suffix]
    if suffix in quantity._BINARY:
        exact = min(exact, Fraction(MAX_INT64))
    text = f"{sign}{number}{'.' + digits if digits else ''}{suffix}"
    error = abs(quantity.parse(text)) - exact
    assert 0 <= error < Fraction(1, 10**9)
    if suffix in quantity._DECIMAL and exact * 10**9 % 1 == 0:
        assert error == 0


@given(
    number=st.integers(-(10**12), 10**12),
    scale=st.integers(0, 9),
    suffix=st.sampled_from(sorted(SUFFIXES)),
)
def test_writing_back_is_a_fixed_point(number: int, scale: int, suffix: str) -> None:
    """ "Before serializing, Quantity will be put in canonical form"; the form keeps the amount."""
    text = f"{number}{'.' + '5' * scale if scale else ''}{suffix}"
    written = quantity.canonical(text)
    assert quantity.parse(written) == quantity.parse(text)
    assert quantity.canonical(written) == written
