"""Many trainings that differ in one thing each, and what the difference makes.

`ablate` leaves parts out, `compare_negatives` changes the negatives; `run_study` trains and measures every run.
"""
