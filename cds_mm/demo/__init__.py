"""The main job, small enough for a laptop: pretrain, convert, detect."""
