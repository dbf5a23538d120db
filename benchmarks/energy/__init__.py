"""What the energy benchmark and budgets in joules are worth on devices whose power is known."""
