"""What an exported network says of where it comes from."""

import pytest

from geoloc.export.origin import without_folders


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("run.py data.path=/home/ann/town/ lr_scale=2", "run.py data.path=.../town lr_scale=2"),
        ("run.py \"data.path='/home/ann/my maps/town'\" name=a", "run.py \"data.path='.../town'\" name=a"),
        ('run.py "data.path=/home/ann/my maps/town" name=a', 'run.py "data.path=.../town" name=a'),
        ("\"test_folders=['/a b/c, d/e','/d e/f/']\"", "\"test_folders=['.../e','.../f']\""),
        ("a=1 test_folders=[/a/b,~/d] lr=1", "a=1 test_folders=[.../b,.../d] lr=1"),
        ("'a='\"'\"'/home/$u/x y'\"'\"''", "'a='\"'\"'.../x y'\"'\"''"),
        ("\"hub.weights='/home/ann/channels(64)_rows(2).ckpt'\"", "\"hub.weights='.../channels(64)_rows(2).ckpt'\""),
        ("'data.path=C:\\Users\\ann lee\\x' b=1", "'data.path=.../x' b=1"),
        ("data.path=C:/Users/ann/x", "data.path=.../x"),
        ("'data.path=\\\\server\\share\\x'", "'data.path=.../x'"),
        ("hydra.searchpath=[file:///home/ann/conf,pkg://x.y]", "hydra.searchpath=[.../conf,pkg://x.y]"),
        ("+hub.arguments={path:/home/ann/x,a:/b/c}", "+hub.arguments={path:.../x,a:.../c}"),
        ("data.path=~ann/maps/x", "data.path=.../x"),
        ("/usr/lib/geoloc/run.py seed=1", ".../run.py seed=1"),
        ("released: own of me/tiny (/home/ann/clone)", "released: own of me/tiny (.../clone)"),
        ("started from /home/ann/my runs/a.ckpt", "started from .../a.ckpt"),
        ("the authors' file /home/ann/x", "the authors' file .../x"),
    ],
)
def test_folders_of_the_machine_are_left_out(text, shown):
    assert without_folders(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "run.py ~hydra/launcher ~logger.csv aggregator.ratio=1/2 run=logs/default/RUN data.path=../town",
        "+hub.files=[https://example.org/a/b.pth,s3://bucket/a/b] hub.repository=me/tiny",
        "BSD-3-Clause / MIT, 5 m/s, and/or, a / b; those at github.com/a/b (code: MIT)",
        'checkpoint=/town paths.logs=/ x="" y=\'\' z="',
    ],
)
def test_what_is_no_folder_of_the_machine_stays(text):
    assert without_folders(text) == text
