"""The app in a browser: a page with a terminal, and a process of the app for each tab."""
