import numpy as np
import pytest

from geoloc.data.prepare.sharing import Sharing
from geoloc.data.prepare.splitting import areas, choose_queries, since, thin, without_positive
from geoloc.errors import InputError


def some_places(seed, number=60, side=200.0, axes=2):
    return np.random.default_rng(seed).uniform(0, side, (number, axes))


def test_areas_by_hand():
    # Ten photos 100 m apart from south to north: 60 % end between 500 and 600, 80 % between 700 and 800.
    places = np.array([[0.0, 100 * i] for i in range(10)])
    assert areas(places, [60, 20, 20], 25).tolist() == [0] * 6 + [1] * 2 + [2] * 2


def test_the_longer_axis_is_cut():
    places = np.array([[0.0, 90], [1000, 10], [0, 80], [1000, 20]])
    assert areas(places, [1, 1], 25).tolist() == [0, 1, 0, 1]


def test_photos_in_the_gap_are_in_no_area():
    # The cut is at 52: 45, 50 and 54 are less than 12.5 m away, 39 and 65 are not.
    places = np.array([[x, 0.0] for x in (0, 39, 45, 50, 54, 65, 80, 99)])
    assert areas(places, [1, 1], 25).tolist() == [0, 0, -1, -1, -1, 1, 1, 1]


@pytest.mark.parametrize("axes", [2, 3])
@pytest.mark.parametrize("seed", range(5))
def test_areas_never_touch(seed, axes):
    places = some_places(seed, axes=axes, side=300)
    block = areas(places, [3, 1, 1], 30)
    for one in range(len(places)):
        for other in range(len(places)):
            if -1 < block[one] < block[other]:
                assert np.linalg.norm(places[one] - places[other]) >= 30
    assert set(block) == {-1, 0, 1, 2}


def slow_thin(places, headings, spacing):
    kept = []
    for row in range(len(places)):
        for other in kept:
            near = np.linalg.norm(places[row] - places[other]) < spacing
            turn = abs(headings[row] - headings[other]) % 360
            if near and not min(turn, 360 - turn) > 45:
                break
        else:
            kept.append(row)
    return kept


@pytest.mark.parametrize("seed", range(5))
def test_thin_agrees_with_a_slow_reference(seed):
    places = some_places(seed, axes=2 + seed % 2)
    headings = np.random.default_rng(seed).choice([0.0, 30, 90, 350, np.nan], len(places))
    assert np.flatnonzero(thin(places, headings, 30)).tolist() == slow_thin(places, headings, 30)


def test_thin_by_hand():
    places = np.array([[0.0, 0], [5, 0], [10, 0], [19.9, 0]])
    unknown = np.full(4, np.nan)
    # 5 is near 0; 10 is exactly 10 m from 0, which is far enough; 19.9 is near 10.
    assert thin(places, unknown, 10).tolist() == [True, False, True, False]
    # 350 and 10 degrees are 20 apart, 350 and 80 are 90 apart.
    assert thin(np.zeros((3, 2)), np.array([350.0, 10, 80]), 10).tolist() == [True, False, True]


@pytest.mark.parametrize(("seed", "share"), [(0, 0.2), (1, 0.5), (2, 0.9), (3, 0.9)])
def test_every_random_query_keeps_a_database_photo(seed, share):
    places = some_places(seed)
    queries = choose_queries(places, share, 25, seed)
    distance = np.linalg.norm(places[:, None] - places[None], axis=2)
    assert queries.sum() <= round(share * len(places))
    assert queries.sum() > 0
    assert ((distance <= 25) & ~queries[None]).any(axis=1)[queries].all()
    if queries.sum() < round(share * len(places)):  # then no further photo could become one
        for row in np.flatnonzero(~queries):
            more = queries.copy()
            more[row] = True
            assert not ((distance <= 25) & ~more[None]).any(axis=1)[more].all()


def test_random_queries_by_hand():
    places = np.array([[0.0, 0], [10, 0], [500, 0]])
    # One of the pair, and never the lonely one, however many are asked for.
    assert {tuple(choose_queries(places, 0.99, 25, seed).tolist()) for seed in range(20)} == {
        (True, False, False),
        (False, True, False),
    }


def test_the_seed_fixes_the_choice():
    places = some_places(0, side=50)
    assert choose_queries(places, 0.3, 25, 1).tolist() == choose_queries(places, 0.3, 25, 1).tolist()
    assert choose_queries(places, 0.3, 25, 1).tolist() != choose_queries(places, 0.3, 25, 2).tolist()
    assert choose_queries(places, 0.3, 25, 1).sum() == 18


def test_queries_without_a_positive_are_counted():
    assert without_positive(np.array([[0.0, 0], [25, 0], [26, 0]]), np.array([[0.0, 0]]), 25) == 1


def test_times_of_a_date_or_later():
    times = ["20240601_000000", "20240531_235959", "20240601", "202406", "202405", "2024", ""]
    assert since(times, "20240601").tolist() == [1, 0, 1, 1, 0, -1, -1]
    assert since(times, "20240601_120000").tolist() == [0, 0, -1, -1, 0, -1, -1]


def test_splits_are_read():
    assert Sharing().parts() == {"test": 1}
    assert Sharing(splits="val").parts() == {"val": 1}
    assert Sharing(splits="train:60, val:20,test:20").parts() == {"train": 60, "val": 20, "test": 20}


def test_the_way_follows_from_the_options():
    assert Sharing().way == "share"
    assert Sharing(queries_after="2024-06-01").way == "time"
    assert Sharing(query_folders="a").way == "folder"
    # 01:00 in a zone two hours ahead of UTC is the day before there.
    assert Sharing(queries_after="2024-06-01T01:00:00+02:00").date() == "20240531_230000"


def test_what_is_typed_as_it_is_by_default_makes_no_other_set():
    assert Sharing(split_by="share", query_share=0.2, seed=0, splits="test").options() == {}
    assert Sharing(splits="train,test", gap=25.0).options() == {"splits": "train,test"}
    assert Sharing(seed=1, query_share=0.3).options() == {"query_share": "0.3", "seed": "1"}
    assert Sharing(split_by="time", queries_after="2024-06-01").options() == {"queries_after": "2024-06-01"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split_by": "time"}, "--split-by time needs --queries-after"),
        ({"split_by": "folder", "queries_after": "2024-06-01"}, "only one can be"),
        ({"query_folders": "a", "seed": 1}, "--seed and --query-folders: go with --split-by folder and share"),
        ({"queries_after": "June"}, "--queries-after June: is no time such as 2024-06-01"),
        ({"query_share": 20.0}, "--query-share 20: must lie between 0 and 1"),
        ({"splits": "all"}, "--splits all: must be one of train, val, test"),
        ({"splits": "train:x,test:1"}, "--splits train:x,test:1: must be"),
        ({"splits": "train:60,train:40"}, "must be one of"),
        ({"splits": "train:60,test:40", "gap": 10.0}, "--gap 10: must be 25 metres or more"),
        ({"gap": 30.0}, "--gap goes with several --splits"),
        ({"spacing": float("nan")}, "--spacing nan: must be 0 metres or more"),
    ],
)
def test_options_that_cannot_be(options, message):
    with pytest.raises(InputError, match=message):
        Sharing(**options)
