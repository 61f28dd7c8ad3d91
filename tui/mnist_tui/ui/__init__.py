"""What several screens share: footer, status line, dialogs, parts of forms."""
