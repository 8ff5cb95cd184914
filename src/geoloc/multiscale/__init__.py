"""One descriptor from an image at several scales."""
