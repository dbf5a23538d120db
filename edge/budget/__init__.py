"""What a clip costs, and the controller that keeps the mean at a budget."""
