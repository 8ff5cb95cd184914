"""The demo page: drop a photo into a browser, see where it was taken. Nothing here knows Hydra, Lightning or a config."""
