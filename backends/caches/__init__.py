"""Token caches: one file each."""
