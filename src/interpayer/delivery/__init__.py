"""What we hand over and what we receive: jobs, files, segments."""
