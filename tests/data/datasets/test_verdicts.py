from noisette.data.datasets.verdicts import compare


def test_the_right_class_is_named_only_where_it_is_another() -> None:
    assert compare(3, 3) == (1, -1)
    assert compare(3, 0) == (0, 0)
