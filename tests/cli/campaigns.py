"""A campaign, as a server tells it."""

CAMPAIGN = {
    "fingerprint": "a-9.pool.a.a HMRQ lock-step <> a9",
    "good": 0.0,
    "bad": 431.5,
    "hosts": 205,
    "networks": 190,
    "first": 1_795_000_000,
    "age": 61,
}
