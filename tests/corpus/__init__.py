"""The PDFs that other projects ship in their source packages, signed and judged: ``make corpus``."""
