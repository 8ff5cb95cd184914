"""Finished runs against one of them: what task=compare reads from their folders and leaves behind."""
