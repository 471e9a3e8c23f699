"""Many trainings that differ in one thing each, and what the difference makes."""
