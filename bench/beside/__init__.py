"""What side_by_side.py is made of: programs (run and read), report (tables), plot (SVG)."""
