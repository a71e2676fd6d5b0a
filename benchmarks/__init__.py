"""The figures in the README, each by a command."""
