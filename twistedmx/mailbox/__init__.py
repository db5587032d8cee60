"""Does this recipient exist? One backend of the port `Mailboxes` a file or a few: here are tables, in text and in TOML."""
