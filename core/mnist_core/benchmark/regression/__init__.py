"""Linear and logistic regression in several forms of each engine."""
