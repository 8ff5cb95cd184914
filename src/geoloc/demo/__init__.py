"""The demo page: drop a photo into a browser, see where it was taken. Knows neither Hydra nor Lightning."""
