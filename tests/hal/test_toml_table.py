"""The reader of one TOML table (its messages in context: test_profile.py)."""

import pytest

from hal.toml_table import Table


def table(**data: object) -> Table:
    return Table(data, "file.toml", "part[2]", ("size", "name", "flag", "kind", "inner", "list"), ValueError)


def message(call: object, *arguments: object) -> str:
    with pytest.raises(ValueError) as caught:
        call(*arguments)  # type: ignore[operator]
    return str(caught.value)


def test_values_within_bounds_are_returned() -> None:
    read = table(size=3, name="x", flag=False, kind=2, inner={"a": 1}, list=[{"a": 1}, {}])
    assert read.integer("size", 3, 3) == 3
    assert (read.text("name", "a name"), read.boolean("flag"), read.choice("kind", (1, 2))) == ("x", False, 2)
    assert read.table("inner", ("a",)).integer("a", 0, 9) == 1
    assert [each.key("a") for each in read.tables("list", ("a",))] == [
        "part[2].list[1].a",
        "part[2].list[2].a",
    ]


def test_defaults_and_absent_optionals() -> None:
    read = table()
    assert (read.integer("size", 0, 9, 4), read.boolean("flag", False), read.choice("kind", (1, 2), 2)) == (
        4,
        False,
        2,
    )
    assert read.optional_integer("size", 0, 9) is None and read.tables("list", ()) == []
    assert read.raw("name") is None and not read.has("name")


def test_unknown_key_is_found_at_once_with_the_nearest_name() -> None:
    text = message(lambda: table(sise=3))
    assert text == (
        "file.toml: part[2].sise: found unknown key; "
        "accepted: flag, inner, kind, list, name, size; did you mean size?"
    )
    assert "remove it" in message(lambda: table(colour=3))


def test_a_choice_of_the_wrong_type_is_not_taken_for_equal() -> None:
    assert "found true; accepted: 1, 2" in message(table(kind=True).choice, "kind", (1, 2))
    assert 'found "1"' in message(table(kind="1").choice, "kind", (1, 2))


@pytest.mark.parametrize(
    ("value", "shown"),
    [([1], "an array"), ({}, "a table"), (1.5, "the fraction 1.5"), (True, "true"), ("x", '"x"')],
)
def test_the_found_value_is_shown_as_written(value: object, shown: str) -> None:
    assert f"part[2].size: found {shown}; accepted: an integer 0..9" in message(
        table(size=value).integer, "size", 0, 9
    )


def test_blank_text_and_wrong_shapes() -> None:
    assert 'found " "' in message(table(name=" ").text, "name", "a name")
    assert "write it as a table, e.g. [part[2].inner]" in message(table(inner=3).table, "inner", ("a",))
    assert "accepted: an array of tables" in message(table(list=[1]).tables, "list", ("a",))
