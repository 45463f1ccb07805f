"""Who the other payers are, how they join, how we call them."""
