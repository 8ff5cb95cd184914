"""Day-to-night translation of whole photos: generators, how frames pass through them, how a small one is trained."""
