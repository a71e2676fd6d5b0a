"""What all benchmarks share: cases and their goals, how they are run and measured, and what is written of them."""
