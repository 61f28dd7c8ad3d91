"""What tests share: data, scripted runs, terminals, and the app under a harness."""
