"""Digests by their first eight bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kyara.scale.figures import prefixes_in, prefixes_of

pa = pytest.importorskip("pyarrow", reason="needs the extra `scale`")
pytestmark = pytest.mark.scale

digests = st.none() | st.binary(min_size=32, max_size=32)


@given(st.lists(digests, max_size=20), st.integers(0, 20))
def test_a_column_has_the_prefixes_of_its_digests(values: list[bytes | None], cut: int) -> None:
    column = pa.array(values, type=pa.binary(32)).slice(cut)
    found, there = prefixes_in(column), [n for n, value in enumerate(values[cut:]) if value]
    assert len(found) == len(values[cut:])
    own = [value for value in values[cut:] if value is not None]
    assert found[there].tolist() == prefixes_of(own).tolist()


def test_a_prefix_is_the_first_bytes() -> None:
    assert prefixes_of([bytes(range(32)), b""]).tolist() == [0x0001020304050607, 0]
    assert prefixes_of([]).dtype == np.uint64
