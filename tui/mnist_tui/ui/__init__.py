"""What several screens share: status line, footer, help, dialogs, bars, digits, parts of forms."""
