"""Numerical self-checks: what this program computes, against references that share no code."""
