"""Every table gets a space that the public Engram server accepts too, and its own."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engram_store.errors import ConfigurationError
from transforms.mapping.spaces import check_space, slug, spaces_for


@given(st.text(min_size=1, max_size=120))
def test_slug_is_a_space(text: str) -> None:
    assert re.fullmatch(r"[a-z0-9_-]{3,64}", slug(text))
    assert check_space(slug(text)) == slug(text)
    assert slug(slug(text)) == slug(text) or text.startswith("-")


@given(
    st.lists(st.tuples(st.text("ab. _", max_size=3), st.text("aAb_é ", min_size=1, max_size=4)), unique=True)
)
def test_tables_share_no_space(names: list[tuple[str, str]]) -> None:
    try:
        spaces = spaces_for(names)
    except ConfigurationError as error:
        assert "would share the space" in error.what
        assert "--table-to-space" in error.example
    else:
        assert len(set(spaces.values())) == len(names)
        assert all(check_space(space) for space in spaces.values())


def test_names_as_people_expect_them() -> None:
    spaces = spaces_for(
        [("public", "users"), ("app", "Order Lines"), ("app", "usr"), ("public", "usr"), ("x", "a")]
    )
    assert list(spaces.values()) == ["users", "order_lines", "app_usr", "public_usr", "table_a"]


def test_long_names_stay_apart() -> None:
    one, other = slug("x" * 80 + "1"), slug("x" * 80 + "2")
    assert one != other and len(one) == 64


def test_collision_that_no_schema_solves() -> None:
    with pytest.raises(ConfigurationError, match=r"`s\.A`, `s\.a` would share the space `s_a`"):
        spaces_for([("s", "A"), ("s", "a")])


@pytest.mark.parametrize("name", ["", "ab", "Users", "a b", "a.b", "é" * 3, "x" * 65, "abc\n"])
def test_name_that_is_no_space(name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_space(name)
    assert "3 to 64" in refused.value.why
