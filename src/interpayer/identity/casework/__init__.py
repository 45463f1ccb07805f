"""Cases about people: opened, ranked by risk and age, decided by one name or two, undone, kept as labels."""
