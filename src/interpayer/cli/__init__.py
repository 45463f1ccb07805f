"""The command line: `interpayer <noun> <verb>`, one file per noun."""
