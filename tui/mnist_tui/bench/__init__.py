"""What the benchmark of the app needs: a program on a terminal, and figures with quartiles."""
