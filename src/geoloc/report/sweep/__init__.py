"""What a folder of a sweep holds beside its jobs: the leaderboard, its page, and the tables of a study over seeds."""
