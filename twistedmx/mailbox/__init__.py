"""Does this recipient exist? One backend of the port `Mailboxes` a file or a few: tables, folders, system users, SQL, HTTP."""
