"""What `bench.identity` is made of: the matchers in the race, and how their answers are counted."""
