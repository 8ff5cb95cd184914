"""What is wrong with a config, found out before anything heavy starts: one line a problem."""
