"""Arithmetic of ``benchmarks.figures``."""

from __future__ import annotations

import os

import pytest

from benchmarks.figures import cpu_s, distribution, memory, quantile, table


def test_quantiles_are_values_that_were_measured() -> None:
    values = [5.0, 1.0, 3.0, 2.0, 4.0]
    assert [quantile(values, share) for share in (0.0, 0.5, 0.9, 1.0)] == [1.0, 3.0, 5.0, 5.0]


def test_no_values_are_an_error_and_not_a_zero() -> None:
    with pytest.raises(ValueError, match="expected one at least"):
        quantile([], 0.5)


def test_a_distribution_tells_how_many_values_it_is_made_of() -> None:
    assert distribution("start", [1.0, 2.0, 3.0], "ms", 1)[:3] == ("start", "3", "1.0")


def test_figures_of_a_table_stand_under_each_other() -> None:
    lines = table([("", "ms"), ("first", "7"), ("second", "1234")]).splitlines()
    assert lines == ["        ms", "first   7", "second  1234"]


def test_a_process_that_works_uses_cpu_and_memory() -> None:
    before_s = cpu_s(os.getpid())
    while cpu_s(os.getpid()) - before_s < 0.03:
        sum(range(10_000))
    used = memory(os.getpid())
    assert used.resident > used.private > 1
