"""Files that people and scripts read: predictions, pictures, the page, the leaderboard."""
