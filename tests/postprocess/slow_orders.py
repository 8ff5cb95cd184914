"""The four orders of one query's candidates in plain Python, as an independent reference for the tests."""


def slow_disjoint(labels, distances, order, by_size=True):
    """Columns of one query; labels and distances are lists."""
    names = list(dict.fromkeys(labels))  # as they first appear
    groups = [[j for j, label in enumerate(labels) if label == name] for name in names]
    return _listed(groups, [group[0] for group in groups], distances, order, by_size)


def slow_overlapping(members, distances, order, base=None):
    """Columns of one query; members[i] is a list of bool; base lists the groups as they come among equals."""
    base = range(len(members)) if base is None else base
    groups = [[j for j, inside in enumerate(members[i]) if inside] for i in base]
    return _listed(groups, [min(group, key=lambda j: (distances[j], j)) for group in groups], distances, order, True)


def _listed(groups, heads, distances, order, by_size):
    largest = sorted(range(len(groups)), key=lambda g: -len(groups[g])) if by_size else range(len(groups))
    out = []
    if order in ("heads", "nearest_heads"):
        first = [heads[g] for g in largest]
        if order == "nearest_heads":
            first = sorted(first, key=lambda j: (distances[j], j))
        out += first
    for g in largest:
        group = groups[g]
        out += sorted(group, key=lambda j: (distances[j], j)) if order == "size_distance" else group
    return list(dict.fromkeys(out))
