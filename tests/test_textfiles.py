from geoloc.textfiles import read_json, write_whole


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path):
    path = tmp_path / "a.csv"
    write_whole(path, "old\n")
    write_whole(path, "x,y\r\n")
    assert path.read_bytes() == b"x,y\r\n"
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]


def test_what_cannot_be_read_is_empty(tmp_path):
    path = tmp_path / "results.json"
    for text, content in (('{"a": 1}', {"a": 1}), ('{"a": ', {}), ("[1]", {})):
        path.write_text(text)
        assert read_json(path) == content
    assert read_json(tmp_path / "gone.json") == {}
